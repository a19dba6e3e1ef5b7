// Brings a model onto this machine by the server's own API.
import { readLines } from './view.js';

const describe = ({ status, total, completed }) =>
  total > 0 ? `${status}: ${Math.floor((100 * (completed ?? 0)) / total)} %` : status;

/** Pulls the named model, and shows its progress. @throws if the server refuses, or breaks off. */
async function pull(model, show) {
  const response = await fetch('/api/pull', { method: 'POST', body: JSON.stringify({ model }) });
  if (!response.ok) throw new Error((await response.json()).error);
  let last;
  for await (const line of readLines(response.body)) {
    if (line.error) throw new Error(line.error);
    last = line.status;
    show(describe(line));
  }
  if (last !== 'success') throw new Error('the server broke off');
}

/** @param done is called when a model has come. */
export function listenForPull({ form, input, status }, done) {
  const button = form.querySelector('button');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const model = input.value.trim();
    if (model === '' || button.disabled) return;
    button.disabled = true;
    const show = (text) => {
      status.textContent = text;
    };
    show('asking ...');
    try {
      await pull(model, show);
      show(`${model} is here.`);
      input.value = '';
      await done();
    } catch (error) {
      show(`It was not pulled: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  });
}
