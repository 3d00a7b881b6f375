// Questions in a modal `<dialog>`: the browser keeps the focus inside and closes it on Escape.
import { element } from './elements.js';

/**
 * @param {string} title as it is
 * @param {(title: string) => Promise<void>} rename its failure is shown in the dialog, which then stays open
 * @returns {Promise<boolean>} whether the video was renamed
 */
export function askForTitle(title, rename) {
  const input = element('input', { value: title, required: true, maxLength: 200, 'data-testid': 'rename-input' });
  const label = element('label', {}, 'Title', input);
  return ask({ heading: 'Rename', body: [label], action: 'Rename', act: () => rename(input.value.trim()) });
}

/**
 * @param {(form: FormData) => Promise<void>} add its failure is shown in the dialog, which then stays open
 * @returns {Promise<boolean>} whether a text track was added
 */
export function askForSubtitles(add) {
  const file = element('input', {
    type: 'file',
    accept: '.vtt,.srt,text/vtt',
    required: true,
    name: 'file',
    'data-testid': 'subtitle-file',
  });
  const language = element('input', {
    name: 'language',
    required: true,
    value: navigator.language.split('-')[0],
    maxLength: 35,
    'data-testid': 'subtitle-language',
  });
  const body = [
    element('label', {}, 'WebVTT or SubRip file', file),
    element('label', {}, 'Language, such as en or pt-BR', language),
  ];
  const act = () => add(new FormData(file.form));
  return ask({ heading: 'Add subtitles', body, action: 'Add', act });
}

/**
 * @param {(picture: File) => Promise<void>} replace its failure is shown in the dialog, which then stays open
 * @returns {Promise<boolean>} whether the poster was replaced
 */
export function askForPoster(replace) {
  const file = element('input', {
    type: 'file',
    accept: 'image/jpeg,image/png,image/webp,image/gif',
    required: true,
    'data-testid': 'poster-file',
  });
  const label = element('label', {}, 'JPEG, PNG, WebP or GIF', file);
  return ask({ heading: 'Change the poster', body: [label], action: 'Change', act: () => replace(file.files[0]) });
}

/**
 * @param {string} title
 * @param {() => Promise<void>} remove its failure is shown in the dialog, which then stays open
 * @returns {Promise<boolean>} whether the video was deleted
 */
export function askBeforeDeleting(title, remove) {
  const sentence = element('p', {}, `“${title}” and all its files will be gone for good.`);
  return ask({ heading: 'Delete this video?', body: [sentence], action: 'Delete', act: remove, destructive: true });
}

function ask({ heading, body, action, act, destructive = false }) {
  const problem = element('p', { class: 'problem', role: 'alert', hidden: true });
  const cancel = element('button', { type: 'button', 'data-testid': 'dialog-cancel' }, 'Cancel');
  const confirm = element(
    'button',
    { class: destructive ? 'destructive' : 'primary', 'data-testid': 'dialog-confirm' },
    action,
  );
  const form = element(
    'form',
    { method: 'dialog' },
    element('h2', { id: 'dialog-heading' }, heading),
    ...body,
    problem,
    element('div', { class: 'dialog-buttons' }, cancel, confirm),
  );
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-heading', 'data-testid': 'dialog' }, form);
  document.body.append(dialog);

  return new Promise((resolve) => {
    let done = false;
    cancel.addEventListener('click', () => dialog.close());
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      confirm.disabled = true;
      try {
        await act();
        done = true;
        dialog.close();
      } catch (failure) {
        problem.textContent = failure.message;
        problem.hidden = false;
        confirm.disabled = false;
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(done);
    });
    dialog.showModal();
    // What cannot be undone is not what Enter does.
    if (destructive) cancel.focus();
    else form.querySelector('input').select();
  });
}
