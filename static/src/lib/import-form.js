import { importVideo } from './api.js';

/**
 * Have the server fetch what the form names.
 * @param {HTMLFormElement} form
 * @param {(job: object, title: string) => void} onJob called when it has agreed to
 */
export function handleImports(form, onJob) {
  const { url, title } = form.elements;
  const button = form.querySelector('button');
  const problem = form.querySelector('.problem');
  const complain = (sentence) => {
    problem.textContent = sentence;
    problem.hidden = !sentence;
    url.toggleAttribute('aria-invalid', Boolean(sentence));
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    complain('');
    button.disabled = true;
    try {
      const { video, job } = await importVideo(url.value.trim(), title.value.trim());
      form.reset();
      onJob(job, video.title);
    } catch (refusal) {
      complain(refusal.message);
    } finally {
      button.disabled = false;
      url.focus();
    }
  });
}
