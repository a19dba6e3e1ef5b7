import { writePrivateFile } from '@ogong/host/files/private-files';
import type { Output } from '@ogong/host/lifecycle/command';
import { explainFile } from '@ogong/host/log/errors';
import type { Check } from '@ogong/protocol/base/checks';
import { countChecks } from '@ogong/protocol/verdict/check-count';
import { WITHOUT_NETWORK } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { readOptions } from '../local/ollama/options.ts';
import type { Conversation } from './conversation.ts';
import { formatTable } from './format.ts';
import type { LocalApi } from './local-api.ts';
import { callLocal, LocalApiError } from './local-client.ts';
import { formatModel } from './model-commands.ts';

/** The objects that slash commands act on. */
export interface ChatRoom {
  readonly conversation: Conversation;
  readonly api: LocalApi;
  readonly output: Output;
  /** Whether typed lines are kept for the next time. */
  keepsLines: boolean;
}

interface SlashCommand {
  readonly usage: string;
  readonly about: string;
  /** @returns false if the chat is over. @throws errors that `explainSlashCommand` explains */
  run(room: ChatRoom, rest: string): Promise<boolean> | boolean;
}

const SETTINGS: Readonly<Record<string, { readonly usage: string; set(room: ChatRoom, rest: string): string }>> = {
  system: {
    usage: 'system <text>',
    set: ({ conversation: { settings } }, rest) => {
      settings.system = rest === '' ? undefined : rest;
      return rest === '' ? 'no system message' : 'the system message is set';
    },
  },
  parameter: {
    usage: 'parameter <name> <value>',
    set({ conversation: { settings } }, rest) {
      const [, name = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
      if (name === '' || text === '') throw new WordError('write /set parameter <name> <value>');
      const value = name === 'stop' ? text.split(/\s+/).map((each) => readValue(each)) : readValue(text);
      const { dropped } = readOptions({ [name]: value });
      settings.parameters = { ...settings.parameters, [name]: value };
      return dropped.length > 0 ? `${name} has no effect here` : `${name} is ${JSON.stringify(value)}`;
    },
  },
  format: {
    usage: 'format json | {JSON schema}',
    set({ conversation: { settings } }, rest) {
      settings.format = rest === 'json' ? 'json' : readSchema(rest);
      return 'answers are JSON';
    },
  },
  noformat: {
    usage: 'noformat',
    set: ({ conversation: { settings } }) => change(settings, 'format', undefined, 'answers are text'),
  },
  verbose: {
    usage: 'verbose',
    set: ({ conversation: { settings } }) => change(settings, 'isVerbose', true, 'timings are shown'),
  },
  quiet: {
    usage: 'quiet',
    set: ({ conversation: { settings } }) => change(settings, 'isVerbose', false, 'timings are not shown'),
  },
  think: {
    usage: 'think [low | medium | high]',
    set: ({ conversation: { settings } }, rest) =>
      change(settings, 'think', rest === '' ? true : rest, 'the model thinks first'),
  },
  nothink: {
    usage: 'nothink',
    set: ({ conversation: { settings } }) => change(settings, 'think', false, 'the model does not think first'),
  },
  history: { usage: 'history', set: (room) => change(room, 'keepsLines', true, 'lines are kept') },
  nohistory: { usage: 'nohistory', set: (room) => change(room, 'keepsLines', false, 'lines are not kept') },
};

const PARTS = ['info', 'license', 'modelfile', 'parameters', 'system', 'template'];

const SLASH_COMMANDS: Readonly<Record<string, SlashCommand>> = {
  '/set': {
    usage: '/set <what> ...',
    about: Object.values(SETTINGS)
      .map(({ usage }) => usage)
      .join('; '),
    run(room, rest) {
      const [, name = '', value = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
      const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
      if (setting === undefined) throw new WordError(`write /set ${Object.keys(SETTINGS).join(' | ')}`);
      room.output.writeError(`${setting.set(room, unquote(value))}\n`);
      return true;
    },
  },
  '/show': {
    usage: '/show [<part>]',
    about: PARTS.join(', '),
    async run({ conversation, api, output }, part) {
      if (part !== '' && !PARTS.includes(part)) throw new WordError(`write /show ${PARTS.join(' | ')}`);
      const { model, settings } = conversation;
      const shown = await callLocal(api, '/api/show', { body: { model } });
      if (part === '' || part === 'info') output.write(formatModel(shown));
      else if (part === 'system') output.write(`${settings.system ?? shown.system ?? 'none'}\n`);
      else if (part === 'parameters') {
        const set = Object.entries(settings.parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
        output.write(`${[shown.parameters, ...set].filter((line) => line !== '').join('\n') || 'none'}\n`);
      } else output.write(`${shown[part] === '' ? 'none' : shown[part]}\n`);
      return true;
    },
  },
  '/save': {
    usage: '/save <name>',
    about: 'keep model, settings and messages under a name',
    async run({ conversation, output }, name) {
      if (name === '') throw new WordError('write /save <name>');
      await conversation.save(name);
      output.writeError(`saved: ogong-provider run ${name}\n`);
      return true;
    },
  },
  '/load': {
    usage: '/load <name>',
    about: 'go on with another model, or with what was saved',
    async run({ conversation, output }, name) {
      if (name === '') throw new WordError('write /load <name>');
      await conversation.load(name);
      output.writeError(`this is ${name}\n`);
      return true;
    },
  },
  '/receipt': {
    usage: '/receipt [<file>]',
    about: 'check the last answer; with a file, keep what it is checked by',
    async run({ conversation, api, output }, file) {
      if (conversation.receiptPath === undefined) throw new WordError('there is no answer with a receipt yet');
      const receipt = await callLocal(api, conversation.receiptPath, { method: 'GET' });
      if (file === '') {
        output.write(formatChecks(receipt.checks as readonly Check[]));
        const kept = `ogong verify ${api.server}${conversation.receiptPath} --allow ${WITHOUT_NETWORK}`;
        output.writeError(`${api.server === undefined ? 'to keep it: /receipt <file>' : kept}\n`);
      } else {
        writeReceipt(file, receipt);
        output.writeError(`saved: ogong verify ${file} --allow ${WITHOUT_NETWORK}\n`);
      }
      return true;
    },
  },
  '/clear': {
    usage: '/clear',
    about: 'forget what was said',
    run({ conversation, output }) {
      conversation.clear();
      output.writeError('the conversation is forgotten\n');
      return true;
    },
  },
  '/bye': { usage: '/bye', about: 'leave; Ctrl-D does, too', run: () => false },
  '/?': {
    usage: '/?',
    about: 'this text',
    run({ output }) {
      const rows = Object.values(SLASH_COMMANDS).map(({ usage, about }) => [usage, about]);
      const more = [
        ['"""', 'begins a message of several lines, and ends it'],
        ['Ctrl-C', 'stops the answer'],
      ];
      output.writeError(formatTable([], [...rows.filter(([usage]) => usage !== '/set <what> ...'), ...more]));
      const set = Object.values(SETTINGS).map(({ usage }) => `/set ${usage}\n`);
      output.writeError(`\n${set.join('')}`);
      return true;
    },
  },
};

class WordError extends Error {}

/** How the checks of a local receipt came out. */
function formatChecks(checks: readonly Check[]): string {
  const failed = checks.filter(({ status }) => status === 'fail');
  const count = countChecks(checks);
  const counts = `${count.passed} checks hold, ${count.failed} fail; ${count.skipped} are about the network, which had no part in this answer\n`;
  return counts + failed.map(({ id, detail }) => `FAIL  ${id}  ${detail}\n`).join('');
}

/** @throws WordError if it cannot be written. */
function writeReceipt(file: string, receipt: object): void {
  try {
    writePrivateFile(file, `${JSON.stringify(receipt)}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new WordError(`${file}: ${explainFile(error)}`);
  }
}

/** Follows a line that begins with a slash. A failure is shown, and the chat goes on. @returns false if it is over. */
export async function followSlashCommand(room: ChatRoom, line: string): Promise<boolean> {
  const [, typed = '', rest = ''] = /^(\S+)\s*(.*?)\s*$/s.exec(line) ?? [];
  const name = ALIASES[typed] ?? typed;
  const command = Object.hasOwn(SLASH_COMMANDS, name) ? SLASH_COMMANDS[name] : undefined;
  if (command === undefined) {
    room.output.writeError(`there is no ${typed.slice(0, 40)}; /? shows what there is\n`);
    return true;
  }
  try {
    return await command.run(room, rest);
  } catch (error) {
    const isForUsers =
      error instanceof WordError || error instanceof LocalApiError || (error as Error).name === 'RequestError';
    if (!isForUsers) throw error;
    room.output.writeError(`${(error as Error).message}\n`);
    return true;
  }
}

const ALIASES: Readonly<Record<string, string>> = { '/help': '/?', '/exit': '/bye' };

function change<T, K extends keyof T>(target: T, key: K, value: T[K], said: string): string {
  target[key] = value;
  return said;
}

/** Text within `"""` or quotes is taken without them. */
function unquote(text: string): string {
  const [, long] = /^"""\n?(.*?)\n?(?:""")?$/s.exec(text) ?? [];
  if (long !== undefined) return long;
  return /^"[^"]*"$/s.test(text) ? text.slice(1, -1) : text;
}

function readValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : unquote(text);
}

/** Checks only its form; the server checks the content of a schema. */
export function readSchema(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new WordError('a format is json, or a JSON schema on one line');
}
