import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createModelStore } from '@ogong/models/store';
import { fromBase64 } from '@ogong/protocol/base/bytes';
import { isLocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, type LocalFixtureOptions, shelve } from '../local/local-fixture.ts';
import { createStoreLibrary } from '../local/store-library.ts';
import { createStoreShelf } from '../local/store-shelf.ts';
import { chatInTerminal } from './chat-terminal.ts';
import { createConversation } from './conversation.ts';
import type { LocalApi } from './local-api.ts';
import type { ChatRoom } from './slash-commands.ts';

interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly options?: unknown;
  readonly format?: unknown;
}

interface Chat {
  readonly room: ChatRoom;
  readonly input: PassThrough;
  /** Bodies of the chats that were asked for. */
  readonly asked: Asked[];
  readonly printed: () => string;
  readonly said: () => string;
  /** On the terminal itself: prompts, and what is typed. */
  readonly shown: () => string;
  readonly lines: readonly string[];
  readonly ended: Promise<void>;
}

let folder: string;
let fixture: LocalFixture;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-chat-'));
});

afterEach(async () => {
  await fixture.close();
  rmSync(folder, { recursive: true });
});

async function openChat(
  options: LocalFixtureOptions & { readonly isTerminal?: boolean; readonly columns?: number } = {},
): Promise<Chat> {
  const { isTerminal = false, columns, ...given } = options;
  fixture = await createLocalFixture(given);
  const asked: Asked[] = [];
  const api: LocalApi = {
    server: fixture.base,
    fetch(path, init) {
      const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as Asked) : undefined;
      if (path === '/api/chat' && body !== undefined && body.messages.length > 0) asked.push(body);
      return fetch(`${fixture.base}${path}`, init);
    },
    close: async () => undefined,
  };
  const printed: string[] = [];
  const said: string[] = [];
  const output = {
    write: (text: string) => void printed.push(text),
    writeError: (text: string) => void said.push(text),
    readColumns: () => columns,
  };
  const settings = {
    ...{ system: undefined, format: undefined, think: undefined, keepAlive: undefined, isVerbose: false },
    parameters: { num_predict: 8, seed: 1 },
  };
  const conversation = createConversation({ api, model: 'fake', settings, output, isInteractive: true });
  await conversation.begin();
  const room: ChatRoom = { conversation, api, output, keepsLines: true };
  const input = new PassThrough();
  const terminal = new PassThrough();
  let shown = '';
  terminal.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const lines: string[] = [];
  const ended = chatInTerminal(room, {
    ...{ input, output: terminal, isTerminal },
    onHistory: (kept) => void lines.splice(0, lines.length, ...kept),
  });
  return {
    room,
    input,
    asked,
    printed: () => printed.join(''),
    said: () => said.join(''),
    shown: () => shown,
    lines,
    ended,
  };
}

function readReceipt(file: string) {
  const text = readFileSync(file, 'utf8');
  const json = JSON.parse(text) as { request: string; response: string };
  const receipt = parseAnyReceipt(text);
  if (!isLocalReceipt(receipt)) throw new Error('it is no receipt of local mode');
  return { receipt, request: fromBase64(json.request), response: fromBase64(json.response) };
}

describe('a chat', () => {
  it('sends what was said before along, and ends with the input', async () => {
    const { input, asked, ended, printed } = await openChat();
    input.end('first\n\nsecond\n');
    await ended;
    expect(asked.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ['user'],
      ['user', 'assistant', 'user'],
    ]);
    expect(printed()).toContain(asked[1]?.messages[1]?.content);
  });

  it('wraps an answer between its words', async () => {
    const { room, input, ended, printed } = await openChat({ columns: 10 });
    room.conversation.settings.parameters = { num_predict: 40, seed: 1 };
    input.end('tell\n');
    await ended;
    await fixture.close();
    const wide = await openChat();
    wide.room.conversation.settings.parameters = { num_predict: 40, seed: 1 };
    wide.input.end('tell\n');
    await wide.ended;
    const wordsOf = (text: string): string[] => text.split(/\s+/).filter(Boolean);
    expect(wordsOf(printed())).toEqual(wordsOf(wide.printed()));
    const lines = printed().split('\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line.length <= 10 || !line.includes(' '), line).toBe(true);
  });

  it('takes several lines within three quotes as one message', async () => {
    const { input, asked, ended } = await openChat();
    input.end('"""one\n/bye\ntwo"""\n"""three"""\n');
    await ended;
    expect(asked.map(({ messages }) => messages.at(-1)?.content)).toEqual(['one\n/bye\ntwo', 'three']);
  });

  it('never grows beyond the context', async () => {
    const { input, asked, ended, said } = await openChat();
    const message = 'x'.repeat(60);
    input.end(`${message}\n`.repeat(12));
    await ended;
    expect(said()).toBe('');
    expect(asked).toHaveLength(12);
    expect(Math.max(...asked.map(({ messages }) => messages.length))).toBeLessThan(12);
    expect(asked.at(-1)?.messages.at(-1)?.content).toBe(message);
  });

  it('goes on after an answer that failed, without the question', async () => {
    const { input, asked, ended, said } = await openChat();
    input.end(`${'long '.repeat(200)}\nshort\n`);
    await ended;
    expect(said()).toContain('the input length exceeds the context length');
    expect(asked.at(-1)?.messages).toEqual([{ role: 'user', content: 'short' }]);
  });

  it('stops an answer at Ctrl-C and goes on; Ctrl-C between answers leaves nothing', async () => {
    const open = () => createFakeEngine({ contextSize: 4096, stepMs: 5 });
    const { room, input, asked, printed, ended } = await openChat({ open, isTerminal: true });
    room.conversation.settings.parameters = { num_predict: 2000, seed: 1 };
    input.write('tell\r');
    await expect.poll(printed).not.toBe('');
    input.write('\u0003');
    room.conversation.settings.parameters = { num_predict: 4, seed: 1 };
    await expect.poll(printed).toMatch(/\n$/);
    input.write('half a line\u0003');
    input.write('more\r');
    await expect.poll(() => asked.length).toBe(2);
    const [, stopped, more] = asked[1]?.messages ?? [];
    expect([stopped?.role, more]).toEqual(['assistant', { role: 'user', content: 'more' }]);
    expect(stopped?.content.length).toBeGreaterThan(0);
    input.write('\u0004');
    await ended;
  });
});

describe('a slash command', () => {
  it('/set changes what is asked', async () => {
    const { input, asked, ended, said } = await openChat();
    input.end(
      [
        '/set system """Be\nbrief."""',
        '/set parameter temperature 0.5',
        '/set parameter stop a b',
        '/set format json',
        'one',
        '/set noformat',
        '/set format {"type":"object"}',
        'two',
        '/set verbose',
        'three',
      ].join('\n'),
    );
    await ended;
    expect(asked[0]).toMatchObject({
      messages: [{ role: 'system', content: 'Be\nbrief.' }, { role: 'user' }],
      options: { temperature: 0.5, stop: ['a', 'b'] },
      format: 'json',
    });
    expect(asked[1]?.format).toEqual({ type: 'object' });
    expect(said()).toMatch(/answer \d+ tokens/);
  });

  it.each([
    ['/set parameter temperature', 'write /set parameter <name> <value>'],
    ['/set parameter warmth 3', 'warmth has no effect here'],
    ['/set format {', 'a format is json, or a JSON schema'],
    ['/set nothing', 'write /set system'],
    ['/show nothing', 'write /show info'],
    ['/save', 'write /save <name>'],
    ['/receipt', 'there is no answer with a receipt yet'],
    ['/load missing', 'model "missing" not found'],
    ['/dance', 'there is no /dance; /? shows'],
    ['/constructor', 'there is no /constructor'],
  ])('%s is refused in words, and the chat goes on', async (line, message) => {
    const { input, asked, ended, said } = await openChat();
    input.end(`${line}\nafter\n`);
    await ended;
    expect(said()).toContain(message);
    expect(asked).toHaveLength(1);
  });

  it('/clear forgets, /bye ends the chat, and /? fits a terminal', async () => {
    const { input, asked, ended, said, lines } = await openChat();
    input.write('one\n/clear\ntwo\n/?\n/bye\nnever\n');
    await ended;
    expect(asked.map(({ messages }) => messages.length)).toEqual([1, 1]);
    expect(said()).toContain('/save <name>');
    expect(
      Math.max(
        ...said()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
    expect(lines).toEqual([]);
  });

  it('/save keeps the conversation, and /load goes on with it', async () => {
    const store = createModelStore(folder);
    const library = createStoreLibrary(store, () => Promise.reject(new Error('no network here')));
    const shelf = createStoreShelf(store, [shelve('fake', { aliases: ['fake'] })]);
    const { room, input, asked, ended, said } = await openChat({ shelf, library });
    input.write('/set system Be brief.\nfirst\n/save tale\n/clear\n/load tale\nsecond\n/save tale\n/bye\n');
    await ended;
    expect(said()).toContain('saved: ogong-provider run tale');
    expect(room.conversation.model).toBe('tale');
    // The server sends the saved messages along, so the client does not.
    expect(asked.at(-1)).toMatchObject({ model: 'tale', messages: [{ role: 'user', content: 'second' }] });
    const saved = store.find('tale')?.manifest.defaults;
    expect(saved?.system).toBe('Be brief.');
    expect(saved?.messages?.map(({ content }) => content).filter((_, i) => i % 2 === 0)).toEqual(['first', 'second']);
  });

  it('/receipt checks the last answer, and keeps what others check it by', async () => {
    const { input, ended, printed, said } = await openChat();
    const [file, directory] = [join(folder, 'receipt.json'), join(folder, 'sub')];
    mkdirSync(join(directory, 'file'), { recursive: true });
    input.end(`tell\n/receipt\n/receipt ${file}\n/receipt ${directory}\n/clear\n/receipt\n`);
    await ended;
    expect(printed()).toMatch(/\n\d\d checks hold, 0 fail; \d+ are about the network/);
    expect(said()).toMatch(/ogong verify http:\/\/127\.0\.0\.1:\d+\/v1\/receipts\/\S+ --allow network\n/);
    expect(said()).toContain(`saved: ogong verify ${file} --allow network\n`);
    const { receipt, ...bodies } = readReceipt(file);
    expect(
      verifyLocalReceipt(receipt, { crypto, ...bodies, trust: { allow: ['network'] }, nowMs: Date.now() }),
    ).toMatchObject({
      ok: true,
    });
    expect(said()).toMatch(new RegExp(`${directory}: .*\nthe conversation is forgotten\nthere is no answer`));
  });

  it('the hint at /receipt comes once, and only on a terminal', async () => {
    const { room, input, ended, shown } = await openChat({ isTerminal: true });
    input.write('one\r');
    await expect.poll(() => room.conversation.receiptPath).toBeDefined();
    input.write('two\r/bye\r');
    await ended;
    expect(shown().match(/\/receipt checks this answer/g)).toHaveLength(1);
    await fixture.close();
    const piped = await openChat();
    piped.input.end('one\n');
    await piped.ended;
    expect(`${piped.shown()}${piped.printed()}${piped.said()}`).not.toContain('/receipt');
  });

  it('/save refuses a bad name before it copies anything', async () => {
    const store = createModelStore(folder);
    const library = createStoreLibrary(store, () => Promise.reject(new Error('no network here')));
    const { input, ended, said } = await openChat({ library });
    input.end('/save my tale\n');
    await ended;
    expect(said()).toContain('invalid model name "my tale": a name has 1 to 160 of a-z A-Z 0-9 . _ / @ : - and begins');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('/nohistory lines are not kept', async () => {
    const { input, ended, lines, said } = await openChat({ isTerminal: true });
    input.write('/set parameter seed 2\r');
    await expect.poll(() => [...lines]).toEqual(['/set parameter seed 2']);
    input.write('/set nohistory\r');
    await expect.poll(said).toContain('lines are not kept');
    input.write('/set parameter seed 3\r/set history\r');
    await expect.poll(said).toContain('lines are kept');
    input.write('/set quiet\r/bye\r');
    await ended;
    expect(lines[1]).toBe('/set quiet');
    expect(lines).not.toContain('/set parameter seed 3');
  });
});
