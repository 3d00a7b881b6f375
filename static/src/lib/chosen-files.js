// The files that were chosen, dropped or pasted and are not sent yet, each with its title.
import { announce } from './announce.js';
import { formatBytes } from './format.js';
import { fingerprintOf } from './upload-memory.js';

/** Keeps the form of the upload page in step with what is chosen. */
export class ChosenFiles {
  /** @type {{file: File, element: HTMLElement}[]} */
  #items = [];
  #form;
  #picker;
  #maxBytes;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#picker = form.elements.file;
    this.#maxBytes = Number(form.dataset.maxBytes) || Infinity;
    this.#picker.multiple = true;
    this.#picker.required = false;
    this.#picker.addEventListener('change', () => {
      this.add([...this.#picker.files]);
      // So that the same file can be chosen again after it was removed.
      this.#picker.value = '';
    });
    this.add([...this.#picker.files]);
  }

  /** @param {File[]} files join those that are chosen */
  add(files) {
    const known = new Set(this.#items.map(({ file }) => fingerprintOf(file)));
    const fresh = files.filter((file) => !known.has(fingerprintOf(file)));
    for (const file of fresh) this.#items.push({ file, element: this.#makeItem(file) });
    if (fresh.length) this.showProblem(fresh.map((file) => this.#findFault(file)).find(Boolean) ?? '');
    this.#show();
    if (fresh.length) announce(`Chosen: ${fresh.map(({ name }) => name).join(', ')}`);
  }

  /** @returns {{file: File, title: string}[]} what can be sent, and is chosen no more; none where something is wrong */
  take() {
    const fault = this.#items.length
      ? this.#items.map(({ file }) => this.#findFault(file)).find(Boolean)
      : 'Choose a video first.';
    this.showProblem(fault ?? '');
    if (fault) return [];
    const taken = this.#items.map((item) => ({ file: item.file, title: this.#titleOf(item) }));
    this.#items = [];
    this.#form.reset();
    this.#show();
    return taken;
  }

  /** @param {string} sentence empty: there is none */
  showProblem(sentence) {
    const problem = document.getElementById('form-problem');
    problem.textContent = sentence;
    problem.hidden = !sentence;
  }

  #findFault(file) {
    if (file.size === 0) return `${file.name} is empty.`;
    if (file.size <= this.#maxBytes) return '';
    return `${file.name} is ${formatBytes(file.size)}; at most ${formatBytes(this.#maxBytes)} are accepted.`;
  }

  // One file has the form's own field, which is there without scripts too.
  #titleOf({ element }) {
    const field = this.#items.length === 1 ? this.#form.elements.title : element.querySelector('input');
    return field.value.trim();
  }

  #makeItem(file) {
    const element = document.getElementById('chosen-template').content.firstElementChild.cloneNode(true);
    const part = (name) => element.querySelector(`[data-part="${name}"]`);
    part('name').textContent = file.name;
    part('size').textContent = formatBytes(file.size);
    part('title').setAttribute('aria-label', `Title of ${file.name}`);
    part('remove').setAttribute('aria-label', `Remove ${file.name}`);
    part('remove').addEventListener('click', () => this.#remove(file));
    return element;
  }

  #remove(file) {
    this.#items = this.#items.filter((item) => item.file !== file);
    this.showProblem(this.#items.map((item) => this.#findFault(item.file)).find(Boolean) ?? '');
    this.#show();
    this.#picker.focus();
  }

  #show() {
    const count = this.#items.length;
    this.#carryTitle(count > 1);
    document.getElementById('title-field').hidden = count > 1;
    const list = document.getElementById('chosen');
    list.replaceChildren(...this.#items.map(({ element }) => element));
    list.hidden = count === 0;
    list.classList.toggle('has-titles', count > 1);
    document.getElementById('file-label').textContent = count ? 'Choose more videos' : 'Choose videos';
    document.getElementById('send').textContent = count > 1 ? `Upload ${count} videos` : 'Upload';
  }

  // What was written for the one file stays with it when others join, and when they leave.
  #carryTitle(isToItems) {
    const [first] = this.#items;
    if (!first) return;
    const fields = [this.#form.elements.title, first.element.querySelector('input')];
    const [from, to] = isToItems ? fields : fields.reverse();
    if (from.value && !to.value) to.value = from.value;
    from.value = '';
  }
}
