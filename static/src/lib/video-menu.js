// What can be done with a video, behind a button with three dots.
import { announce } from './announce.js';
import { addSubtitle, deleteVideo, getVideo, renameVideo, replacePoster } from './api.js';
import { askBeforeDeleting, askForPoster, askForSubtitles, askForTitle } from './dialogs.js';
import { element } from './elements.js';

const DOTS =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4m0 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4m0 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4"/></svg>';

/**
 * Fill an empty `.menu` and show it.
 * @param {HTMLElement} menu
 * @param {{id: string, title: string}} video `title` follows a rename
 * @param {{onRename: (title: string) => void, onDelete: () => void, onChange?: (video: object) => void}} handlers
 *   called once the server has done it; without `onChange` nothing else is offered
 */
export function mountVideoMenu(menu, video, { onRename, onDelete, onChange }) {
  const rename = element('button', { type: 'button', 'data-testid': 'rename' }, 'Rename');
  const remove = element('button', { type: 'button', class: 'danger', 'data-testid': 'delete' }, 'Delete');
  const summary = element('summary', { innerHTML: DOTS, 'data-testid': 'video-menu' });
  const more = onChange ? additions(video, onChange, () => (details.open = false)) : [];
  const details = element('details', {}, summary, element('div', { class: 'menu-items' }, rename, ...more, remove));
  const nameMenu = () => summary.setAttribute('aria-label', `Actions for ${video.title}`);

  rename.addEventListener('click', async () => {
    details.open = false;
    const renamed = await askForTitle(video.title, async (title) => {
      video.title = (await renameVideo(video.id, title)).title;
    });
    if (!renamed) return;
    nameMenu();
    onRename(video.title);
    announce(`Renamed to ${video.title}.`);
  });
  remove.addEventListener('click', async () => {
    details.open = false;
    if (!(await askBeforeDeleting(video.title, () => deleteVideo(video.id)))) return;
    onDelete();
    announce(`${video.title} was deleted.`);
  });
  closeWhenLeft(details, summary);
  nameMenu();
  menu.replaceChildren(details);
  menu.hidden = false;
}

function additions(video, onChange, close) {
  const subtitles = element('button', { type: 'button', 'data-testid': 'add-subtitles' }, 'Add subtitles');
  const poster = element('button', { type: 'button', 'data-testid': 'change-poster' }, 'Change poster');
  subtitles.addEventListener('click', async () => {
    close();
    if (!(await askForSubtitles((form) => addSubtitle(video.id, form)))) return;
    onChange(await getVideo(video.id));
    announce('The subtitles were added.');
  });
  poster.addEventListener('click', async () => {
    close();
    let changed;
    const replace = async (picture) => {
      changed = await replacePoster(video.id, picture);
    };
    if (!(await askForPoster(replace))) return;
    onChange(changed);
    announce('The poster was changed.');
  });
  return [subtitles, poster];
}

function closeWhenLeft(details, summary) {
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return;
    details.open = false;
    summary.focus();
  });
  details.addEventListener('focusout', (event) => {
    if (event.relatedTarget && !details.contains(event.relatedTarget)) details.open = false;
  });
  document.addEventListener('pointerdown', (event) => {
    if (!details.contains(event.target)) details.open = false;
  });
}
