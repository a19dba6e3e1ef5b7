// Pictures that go with a question, and pictures that a model makes.
import {
  OTHER_FILE,
  PREVIEWS,
  readEventData,
  readPictureEvents,
  readPictureFiles,
  takeFiles,
} from './generated/pictures.js';
import { make } from './view.js';

export function showPictures(box, urls) {
  box.hidden = urls.length === 0;
  box.replaceChildren(...urls.map((src, i) => make('img', { src, alt: `Picture ${i + 1}` })));
}

/**
 * Pictures before they are sent; a click removes one.
 * @param options.onChange is called after each change.
 * @param options.findProblem returns why the chosen model reads none, or undefined.
 */
export function createAttached({ box, input, showProblem, findProblem, onChange }) {
  let urls = [];

  function set(next) {
    urls = next;
    showPictures(box, urls);
    for (const [i, image] of [...box.children].entries()) {
      const button = make('button', { type: 'button', className: 'quiet', title: 'Remove this picture' });
      button.setAttribute('aria-label', `Remove picture ${i + 1}`);
      button.addEventListener('click', () => set(urls.filter((_, at) => at !== i)));
      image.replaceWith(button);
      button.append(image);
    }
    onChange();
  }

  async function add(files) {
    if (files.length === 0) return;
    const problem = findProblem();
    if (problem !== undefined) {
      showProblem(problem);
      return;
    }
    const read = await readPictureFiles(files);
    if (read.others > 0) showProblem(OTHER_FILE);
    set([...urls, ...read.urls]);
  }

  input.addEventListener('change', async () => {
    await add([...input.files]);
    input.value = '';
  });
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => add(takeFiles(event, event.dataTransfer)));
  return { get: () => urls, set, paste: (event) => add(takeFiles(event, event.clipboardData)) };
}

/** Pictures with fewer pixels a side are shown larger, pixel by pixel. */
const COARSE = 256;

/**
 * Has a model make a picture, and shows its steps and previews meanwhile.
 * @returns the address of its receipt. @throws if it fails or is stopped.
 */
export async function makePicture({ node, follow }, { model, prompt, signal }) {
  const [note, box] = [node.querySelector('.note'), node.querySelector('.answer')];
  note.textContent = 'waits for the first step ...';
  const body = JSON.stringify({ model, prompt, stream: true, partial_images: PREVIEWS });
  const headers = { 'content-type': 'application/json', 'x-ogong-steps': '1' };
  const response = await fetch('/v1/images/generations', { method: 'POST', headers, body, signal });
  if (!response.ok) throw new Error((await response.json()).error?.message ?? `status ${response.status}`);
  const image = make('img', { hidden: true, className: 'made' });
  // Its height is known only then.
  image.addEventListener('load', () => follow(() => image.classList.toggle('coarse', image.naturalWidth < COARSE)));
  const bar = make('progress', { max: 1, value: 0 });
  bar.setAttribute('aria-label', 'Steps of the picture');
  box.replaceChildren(image, bar);
  const show = (png, isPreview) =>
    follow(() => {
      image.src = `data:image/png;base64,${png}`;
      image.alt = `${isPreview ? 'Preview of' : 'Picture of'}: ${prompt.slice(0, 200)}`;
      image.classList.toggle('preview', isPreview);
      image.hidden = false;
    });
  try {
    for await (const event of readPictureEvents(readEventData(response.body))) {
      if (event.kind === 'step') {
        bar.max = event.steps;
        bar.value = event.step;
        note.textContent = `step ${event.step} of ${event.steps}`;
      } else {
        show(event.png, event.kind === 'preview');
      }
      if (event.kind === 'picture') {
        note.textContent = `${model} · ${event.units} unit${event.units === 1 ? '' : 's'}`;
        const save = make('a', { className: 'save', download: 'picture.png', text: 'save the picture' });
        save.href = image.src;
        follow(() => box.append(save));
        return event.receipt;
      }
    }
  } finally {
    bar.remove();
  }
  throw new Error('The server sent no picture.');
}
