// Parts of the page that show an answer. Texts become elements by name; nothing becomes markup.
import { parseMarkdown } from './generated/markdown.js';

/** How long a button says that it has copied. */
const COPIED_MS = 1500;

export function make(tag, { text, ...properties } = {}, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, properties);
  node.append(...(text === undefined ? [] : [text]), ...children);
  return node;
}

/** @param read returns the text at the time of the click. */
export function makeCopyButton(read, name) {
  const button = make('button', { type: 'button', className: 'quiet small', text: 'copy' });
  button.setAttribute('aria-label', name);
  button.addEventListener('click', async () => {
    let said = 'copied';
    try {
      await navigator.clipboard.writeText(read());
    } catch {
      // A page that is no secure context has no clipboard.
      said = 'not copied';
    }
    button.textContent = said;
    setTimeout(() => {
      button.textContent = 'copy';
    }, COPIED_MS);
  });
  return button;
}

function toNode(node) {
  if (typeof node === 'string') return node;
  const { tag, attributes, children } = node;
  const made = make(tag, {}, ...children.map(toNode));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (tag === 'table') return scrolling(make('div', { className: 'wide-table' }, made), 'Table');
  if (tag !== 'pre') return made;
  const bar = make(
    'div',
    { className: 'code-bar' },
    make('span', { text: attributes['data-language'] ?? '' }),
    makeCopyButton(() => made.textContent, 'Copy the code'),
  );
  return make('div', { className: 'code' }, bar, scrolling(made, 'Code'));
}

/** Lines of JSON as they come. */
export async function* readLines(body) {
  let rest = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line !== '') yield JSON.parse(line);
  }
}

/** A scrolling element has to be reachable by keyboard. */
function scrolling(node, name) {
  node.tabIndex = 0;
  node.setAttribute('role', 'region');
  node.setAttribute('aria-label', name);
  return node;
}

/** Shows the newest of many texts, at most once in each frame. */
export function createAnswerView(box) {
  let newest = '';
  let frame;
  const show = () => {
    frame = undefined;
    box.replaceChildren(...parseMarkdown(newest).map(toNode));
  };
  return {
    show(text) {
      newest = text.trimStart();
      frame ??= requestAnimationFrame(show);
    },
    /** At once, also in a tab that is not in view. */
    end() {
      if (frame !== undefined) cancelAnimationFrame(frame);
      show();
    },
  };
}
