// The page of local mode. It speaks the server's own API, and puts nothing on the page but text.
import { createAttached, makePicture, showPictures } from './pictures.js';
import { listenForPull } from './pull.js';
import { createAnswerView, make, makeCopyButton, readLines } from './view.js';

const find = (id) => document.getElementById(id);
const copy = (id) => find(id).content.firstElementChild.cloneNode(true);

/** How often the list of models is read again while the page is in view. */
const PAUSE_MS = 4000;

/** The conversation: question, answer and element of each turn. A turn without an answer was stopped or has failed. */
let turns = [];
/** The turn that the next question replaces, with all after it. */
let replaced;
let asking;
/** Names of the models that read pictures. */
let seers = [];
/** Names of the models that make pictures. */
let painters = [];

const inGigabytes = (bytes) => (bytes < 1e8 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

async function readJson(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (response.ok) return body;
  throw new Error(body.error?.message ?? body.error ?? `status ${response.status}`);
}

function describe({ size_bytes: size, running }) {
  const facts = [inGigabytes(size)];
  if (running) facts.push(`context ${running.context_size}`);
  if (running?.tokens_per_second) facts.push(`${running.tokens_per_second.toFixed(1)}\u00a0tokens/s`);
  return facts.join(' · ');
}

function toRow(model) {
  const row = copy('model-row');
  const { name, running } = model;
  row.classList.toggle('loaded', running !== null);
  row.title = running ? `loaded, ${running.numeric_class}` : 'loads when it is asked';
  row.querySelector('b').textContent = name;
  row.querySelector('.facts').textContent = describe(model);
  const slots = row.querySelector('.slots');
  slots.hidden = running === null;
  slots.querySelector('span').textContent = running && `${running.busy} of ${running.slots} busy`;
  slots.prepend(
    ...Array.from({ length: Math.min(running?.slots ?? 0, 32) }, (_, slot) =>
      make('i', { className: slot < running.busy ? 'slot busy' : 'slot' }),
    ),
  );
  return row;
}

function showModels({ models, memory }) {
  find('memory').textContent = `${(memory.free_bytes / 1e9).toFixed(1)} of ${inGigabytes(memory.total_bytes)} free`;
  find('memory').title = 'memory of this machine';
  find('count').textContent = models.length;
  find('models').replaceChildren(...models.map(toRow));
  find('no-models').hidden = models.length > 0;
  const names = models.filter((model) => model.writes || model.makes_pictures).map(({ name }) => name);
  const list = find('model');
  if ([...list.options].map(({ value }) => value).join('\n') !== names.join('\n')) {
    const chosen = list.value;
    list.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(chosen)) list.value = chosen;
  }
  seers = models.flatMap(({ name, reads_pictures }) => (reads_pictures ? [name] : []));
  painters = models.flatMap(({ name, makes_pictures }) => (makes_pictures ? [name] : []));
  showUse();
}

const readsPictures = () => seers.includes(find('model').value);
const makesPictures = () => painters.includes(find('model').value);
const EXAMPLES = ['Tell me a short story about a fox.', 'Once upon a time', 'Write a haiku about rain.'];
const PICTURE_EXAMPLES = ['A red ship on a calm sea', 'A small fox in the snow', 'A house at night'];

/** Examples for the chosen model, until the first question. */
function showExamples() {
  const box = find('examples');
  if (box === null) return;
  const texts = find('model').value === '' ? [] : makesPictures() ? PICTURE_EXAMPLES : EXAMPLES;
  box.hidden = texts.length === 0;
  if (box.textContent === texts.join('')) return;
  box.replaceChildren(
    ...texts.map((text) => {
      const button = make('button', { type: 'button', className: 'quiet', text });
      button.addEventListener('click', () => ask(text, []));
      return make('li', {}, button);
    }),
  );
}

/** A question has a text, or a picture if the model reads one. */
function showSend() {
  const pictures = makesPictures() ? [] : attached.get();
  const isEmpty = find('text').value.trim() === '' && pictures.length === 0;
  find('send').disabled = isEmpty || find('model').value === '';
}

/** Shows what the chosen model does. */
function showUse() {
  find('attach').hidden = !readsPictures();
  find('text').placeholder = makesPictures() ? 'Describe a picture' : 'Your question';
  find('send').textContent = makesPictures() ? 'Make' : 'Ask';
  showExamples();
  showSend();
}

function showProblem(text) {
  find('problem').hidden = text === undefined;
  find('problem').textContent = text ?? '';
}

const attached = createAttached({
  ...{ box: find('attached'), input: find('file'), showProblem, onChange: () => showSend() },
  findProblem: () =>
    readsPictures() ? undefined : `${find('model').value} reads no pictures. Choose a model that does.`,
});

async function refresh() {
  try {
    showModels(await readJson('/machine'));
    showProblem();
  } catch (error) {
    showProblem(`The server does not answer: ${error.message}`);
  }
}

async function refreshForever() {
  if (!document.hidden) await refresh();
  setTimeout(refreshForever, PAUSE_MS);
}

function toMark(status) {
  const mark = make('span', { className: 'mark', text: { pass: '✓', fail: '✕', skip: '–' }[status] });
  mark.setAttribute('aria-hidden', 'true');
  return mark;
}

function toCheckRow({ id, status, detail }) {
  const text = make('div', {}, make('b', { text: id }), make('span', { className: 'detail', text: detail }));
  return make('li', { className: status }, toMark(status), text);
}

let groups;
/** The table of groups is read once. */
const readGroups = () => {
  groups ??= readJson('/page/check-groups.json').catch((error) => {
    groups = undefined;
    throw error;
  });
  return groups;
};

/** One line for each group. It has a check mark only if all of its checks passed: a check that was not made is never a pass. */
function toGroupRows(table, checks) {
  const known = table.flatMap(({ ids }) => ids);
  const other = checks.map(({ id }) => id).filter((id) => !known.includes(id));
  return [...table, { title: 'Other checks', note: '', ids: other }].flatMap(({ title, note, ids }) => {
    const found = checks.filter(({ id }) => ids.includes(id));
    if (found.length === 0) return [];
    const count = (status) => found.filter((check) => check.status === status).length;
    const [failed, passed, skipped] = [count('fail'), count('pass'), count('skip')];
    const counts = [
      ...(failed > 0 ? [`${failed} refuted`] : []),
      ...(passed > 0 ? [`${passed} proven`] : []),
      ...(skipped > 0 ? [`${skipped} not checked`] : []),
    ];
    const row = { className: failed > 0 ? 'fail' : skipped > 0 ? 'skip' : 'pass', title: note };
    return [
      make(
        'li',
        row,
        toMark(row.className),
        make('strong', { text: title }),
        make('span', { className: 'state', text: counts.join(', ') }),
      ),
    ];
  });
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** @param saved address of the whole receipt. */
async function showChecks(box, path, saved = path) {
  const [receipt, table] = await Promise.all([readJson(path), readGroups()]);
  const of = (status) => receipt.checks.filter((check) => check.status === status);
  const [passed, failed, skipped] = [of('pass'), of('fail'), of('skip')];
  box.classList.toggle('refuted', failed.length > 0);
  box.classList.toggle('bad', failed.length > 0);
  box.open = failed.length > 0;
  box.querySelector('summary').textContent =
    failed.length > 0 ? `${plural(failed.length, 'check')} failed` : `${plural(passed.length, 'check')} passed`;
  box.querySelector('.refuted-checks').replaceChildren(...failed.map(toCheckRow));
  box.querySelector('.groups').replaceChildren(...toGroupRows(table, receipt.checks));
  box.querySelector('.raw summary').textContent =
    failed.length > 0 ? `The other ${plural(passed.length, 'check')}` : `All ${plural(passed.length, 'check')}`;
  box.querySelector('.raw ul').replaceChildren(...passed.map(toCheckRow));
  box.querySelector('.absent').textContent =
    `Not checked, since nobody ordered or signed a local answer: ${skipped.map(({ id }) => id).join(', ')}.`;
  const link = box.querySelector('a');
  link.href = saved;
  link.download = `receipt-${receipt.reply_id}.json`;
  box.hidden = false;
}

/** Follows the newest text, unless the reader has scrolled up. */
function follow(change) {
  const box = find('turns');
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  change();
  if (isAtEnd) requestAnimationFrame(() => box.scrollTo(0, box.scrollHeight));
}

const toQuestion = ({ question, pictures }) => ({
  ...{ role: 'user', content: question },
  ...(pictures.length > 0 && { images: pictures.map((url) => url.slice(url.indexOf(',') + 1)) }),
});

const toMessages = () =>
  turns.flatMap(({ answer, ...turn }) =>
    answer === undefined ? [] : [toQuestion(turn), { role: 'assistant', content: answer }],
  );

/** @returns the answer. @throws where it fails or is stopped. */
async function answer({ node, ...turn }, { model, messages, signal }) {
  const note = node.querySelector('.note');
  const view = createAnswerView(node.querySelector('.answer'));
  let said = '';
  note.textContent = 'thinks ...';
  const body = JSON.stringify({ model, messages: [...messages, toQuestion(turn)] });
  const response = await fetch('/api/chat', { method: 'POST', body, signal });
  if (!response.ok) throw new Error((await response.json()).error);
  try {
    for await (const line of readLines(response.body)) {
      if (line.error) throw new Error(line.error);
      said += line.message.content;
      follow(() => view.show(said));
      if (line.done) {
        const speed = line.eval_count / (line.eval_duration / 1e9);
        note.textContent = `${model} · ${line.eval_count} tokens · ${speed.toFixed(1)} tokens/s`;
        if (line.done_reason === 'length') {
          note.append(' ', make('strong', { className: 'pill cut', text: 'cut at the limit of tokens or context' }));
        }
      }
    }
  } finally {
    follow(() => view.end());
  }
  await showChecks(node.querySelector('.checks'), response.headers.get('x-ogong-receipt'));
  return said;
}

/** Removes a turn and all after it. */
function dropFrom(turn) {
  const at = turns.indexOf(turn);
  if (at < 0) return;
  for (const { node } of turns.slice(at)) node.remove();
  turns = turns.slice(0, at);
}

function edit(turn) {
  replaced = turn;
  find('editing').hidden = turn === undefined;
  find('text').value = turn?.question ?? '';
  attached.set(turn?.pictures ?? []);
  showSend();
  find('text').focus();
}

function addTurn(question, pictures) {
  const turn = { question, pictures, answer: undefined, node: copy('turn') };
  showPictures(turn.node.querySelector('.pictures'), pictures);
  turn.node.querySelector('.question').textContent = question;
  turn.node.querySelector('.again').addEventListener('click', () => {
    if (asking) return;
    dropFrom(turn);
    ask(question, pictures);
  });
  turn.node.querySelector('.edit').addEventListener('click', () => {
    if (!asking) edit(turn);
  });
  turn.node.querySelector('.actions').prepend(
    makeCopyButton(() => turn.answer?.trimStart() ?? turn.node.querySelector('.answer').textContent, 'Copy the answer'),
    ' ',
  );
  turns = [...turns, turn];
  find('turns').append(turn.node);
  turn.node.scrollIntoView({ block: 'end' });
  return turn;
}

function showAsking(isAsking) {
  document.body.classList.toggle('asking', isAsking);
  find('turns').setAttribute('aria-busy', isAsking);
  find('stop').hidden = !isAsking;
  find('send').hidden = isAsking;
}

async function ask(question, pictures) {
  find('welcome')?.remove();
  const messages = toMessages();
  const turn = addTurn(question, pictures);
  asking = new AbortController();
  showAsking(true);
  try {
    const { signal } = asking;
    const model = find('model').value;
    if (makesPictures()) {
      turn.node.classList.add('painted');
      const path = await makePicture({ node: turn.node, follow }, { model, prompt: question, signal });
      await showChecks(turn.node.querySelector('.checks'), path, `${path}?blobs=1`);
    } else {
      turn.answer = await answer(turn, { model, messages, signal });
    }
  } catch (error) {
    const isStopped = error.name === 'AbortError';
    turn.node.classList.toggle('failed', !isStopped);
    turn.node.querySelector('.note').textContent = isStopped ? 'stopped; it has no receipt' : error.message;
  } finally {
    asking = undefined;
    showAsking(false);
    follow(() => undefined);
    await refresh();
  }
}

find('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const question = find('text').value.trim();
  const pictures = makesPictures() ? [] : attached.get();
  if ((question === '' && pictures.length === 0) || asking || find('send').disabled) return;
  dropFrom(replaced);
  edit(undefined);
  ask(question, pictures);
});
find('model').addEventListener('change', showUse);
find('attach').addEventListener('click', () => find('file').click());
find('text').addEventListener('paste', attached.paste);
find('text').addEventListener('input', showSend);
listenForPull({ form: find('pull'), input: find('wanted'), status: find('pulling') }, refresh);
find('text').addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && replaced) edit(undefined);
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  find('ask').requestSubmit();
});
find('keep').addEventListener('click', () => edit(undefined));
find('stop').addEventListener('click', () => asking?.abort());
find('clear').addEventListener('click', () => {
  asking?.abort();
  turns = [];
  find('turns').replaceChildren();
  edit(undefined);
});
/** On a phone the list of models opens by a tap. */
const isWide = matchMedia('(width > 720px)');
const openShelf = () => {
  find('shelf').open = isWide.matches;
};
isWide.addEventListener('change', openShelf);
openShelf();
find('origin').textContent = location.origin;
find('openai').textContent = `${location.origin}/v1`;
find('text').focus();
refreshForever();
