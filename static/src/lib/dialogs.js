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
