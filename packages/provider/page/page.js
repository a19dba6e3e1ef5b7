// The page of local mode. It speaks the server's own API, and puts nothing on the page but text.

const find = (id) => document.getElementById(id);
const copy = (id) => find(id).content.firstElementChild.cloneNode(true);

/** How often the list of models is read again while the page is in view. */
const PAUSE_MS = 4000;

/** The conversation, as the model sees it. */
let messages = [];
let asking;

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
    ...Array.from({ length: Math.min(running?.slots ?? 0, 32) }, (_, slot) => {
      const mark = document.createElement('i');
      mark.className = slot < running.busy ? 'slot busy' : 'slot';
      return mark;
    }),
  );
  return row;
}

function showModels({ models, memory }) {
  find('memory').textContent = `${inGigabytes(memory.free_bytes)} of ${inGigabytes(memory.total_bytes)} memory free`;
  find('models').replaceChildren(...models.map(toRow));
  find('no-models').hidden = models.length > 0;
  const names = models.filter(({ writes }) => writes).map(({ name }) => name);
  const list = find('model');
  if ([...list.options].map(({ value }) => value).join('\n') !== names.join('\n')) {
    const chosen = list.value;
    list.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(chosen)) list.value = chosen;
  }
  find('send').disabled = names.length === 0;
}

async function refresh() {
  try {
    showModels(await readJson('/machine'));
  } catch (error) {
    find('memory').textContent = `the server does not answer: ${error.message}`;
  }
}

async function refreshForever() {
  if (!document.hidden) await refresh();
  setTimeout(refreshForever, PAUSE_MS);
}

/** Lines of JSON as they come. */
async function* readLines(body) {
  let rest = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line !== '') yield JSON.parse(line);
  }
}

function toCheckRow({ id, status, detail }) {
  const row = document.createElement('li');
  const [name, what] = [document.createElement('b'), document.createElement('span')];
  row.classList.add(status);
  name.textContent = id;
  what.textContent = detail;
  row.append(name, what);
  return row;
}

async function showChecks(box, path) {
  const receipt = await readJson(path);
  const of = (status) => receipt.checks.filter((check) => check.status === status);
  const [passed, failed, skipped] = [of('pass'), of('fail'), of('skip')];
  box.classList.toggle('refuted', failed.length > 0);
  box.open = failed.length > 0;
  box.querySelector('summary').textContent =
    failed.length > 0 ? `${failed.length} checks failed` : `${passed.length} checks passed`;
  box.querySelector('ul').replaceChildren(...[...failed, ...passed].map(toCheckRow));
  box.querySelector('.absent').textContent =
    `Not checked, since nobody ordered or signed a local answer: ${skipped.map(({ id }) => id).join(', ')}.`;
  const link = box.querySelector('a');
  link.href = path;
  link.download = `receipt-${receipt.reply_id}.json`;
  box.hidden = false;
}

/** @returns the answer. @throws where it fails or is stopped. */
async function answer(turn, { model, signal }) {
  const [text, note] = [turn.querySelector('.answer'), turn.querySelector('.note')];
  let said = '';
  note.textContent = 'thinks ...';
  const body = JSON.stringify({ model, messages });
  const response = await fetch('/api/chat', { method: 'POST', body, signal });
  if (!response.ok) throw new Error((await response.json()).error);
  for await (const line of readLines(response.body)) {
    if (line.error) throw new Error(line.error);
    said += line.message.content;
    text.textContent = said.trimStart();
    turn.scrollIntoView({ block: 'end' });
    if (line.done) {
      const speed = line.eval_count / (line.eval_duration / 1e9);
      note.textContent = `${model} · ${line.eval_count} tokens · ${speed.toFixed(1)} tokens/s`;
      if (line.done_reason === 'length') note.textContent += ' · cut at the end of the context';
    }
  }
  await showChecks(turn.querySelector('.checks'), response.headers.get('x-ogong-receipt'));
  return said;
}

async function ask(question) {
  find('welcome')?.remove();
  const turn = copy('turn');
  turn.querySelector('.question').textContent = question;
  find('turns').append(turn);
  turn.scrollIntoView({ block: 'end' });
  const before = messages;
  messages = [...before, { role: 'user', content: question }];
  asking = new AbortController();
  find('stop').hidden = false;
  find('send').hidden = true;
  try {
    const said = await answer(turn, { model: find('model').value, signal: asking.signal });
    messages = [...messages, { role: 'assistant', content: said }];
  } catch (error) {
    const isStopped = error.name === 'AbortError';
    turn.classList.toggle('failed', !isStopped);
    turn.querySelector('.note').textContent = isStopped ? 'stopped; it has no receipt' : error.message;
    messages = before;
  } finally {
    asking = undefined;
    find('stop').hidden = true;
    find('send').hidden = false;
    await refresh();
  }
}

find('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const question = find('text').value.trim();
  if (question === '' || asking || find('send').disabled) return;
  find('text').value = '';
  ask(question);
});
find('text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  find('ask').requestSubmit();
});
find('stop').addEventListener('click', () => asking?.abort());
find('clear').addEventListener('click', () => {
  asking?.abort();
  messages = [];
  find('turns').replaceChildren();
  find('text').focus();
});
find('origin').textContent = location.origin;
find('openai').textContent = `${location.origin}/v1`;
find('text').focus();
refreshForever();
