import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { LocalApiError } from './local-client.ts';
import { type ChatRoom, followSlashCommand } from './slash-commands.ts';

export interface ChatTerminal {
  readonly input: NodeJS.ReadableStream;
  /** Stream that shows prompts and typed text. */
  readonly output: NodeJS.WritableStream;
  /** Keys are read one by one, as on a terminal. */
  readonly isTerminal: boolean;
  /** Earlier lines, the newest first. */
  readonly history?: readonly string[];
  readonly onHistory?: (lines: readonly string[]) => void;
}

const PROMPT = '>>> ';
const MORE_PROMPT = '... ';
const QUOTES = '"""';
const MAX_HISTORY = 500;

/** Reads messages and slash commands until /bye or the end of the input. Ctrl-C stops an answer, and never the chat. */
export async function chatInTerminal(room: ChatRoom, terminal: ChatTerminal): Promise<void> {
  const { input, output, isTerminal, history = [], onHistory } = terminal;
  const lines = createInterface({
    ...{ input, output, terminal: isTerminal, prompt: PROMPT, historySize: MAX_HISTORY, history: [...history] },
    removeHistoryDuplicates: true,
  });
  /** Typed while none were to be kept. */
  const unkept = new Set<string>();
  lines.on('history', (typed) => {
    if (room.keepsLines) onHistory?.(typed.filter((line) => !unkept.has(line)));
    else if (typed[0] !== undefined) unkept.add(typed[0]);
  });
  let answering: AbortController | undefined;
  let isClosed = false;
  let isHinted = false;
  /** A message of several lines that has begun. */
  let begun: string[] | undefined;

  const prompt = (): void => {
    if (isClosed || !isTerminal) return;
    lines.setPrompt(begun === undefined ? PROMPT : MORE_PROMPT);
    lines.prompt();
  };
  lines.once('close', () => {
    isClosed = true;
  });
  lines.on('SIGINT', () => {
    if (answering !== undefined) return answering.abort();
    begun = undefined;
    // Deletes what was typed.
    lines.write(null as never, { ctrl: true, name: 'e' });
    lines.write(null as never, { ctrl: true, name: 'u' });
    output.write('\nCtrl-D or /bye leaves.\n');
    prompt();
  });

  /** @returns the whole message once its last line is there. */
  function collect(line: string): string | undefined {
    if (begun === undefined) {
      const opening = /^(\/set\s+system\s+)?"""/.exec(line)?.[0];
      if (opening === undefined || line.slice(opening.length).includes(QUOTES)) return line;
      begun = [line];
      return undefined;
    }
    begun.push(line);
    if (!line.trimEnd().endsWith(QUOTES)) return undefined;
    const whole = begun.join('\n');
    begun = undefined;
    return whole;
  }

  async function answer(message: string): Promise<void> {
    answering = new AbortController();
    try {
      await room.conversation.say(message, answering.signal);
      if (isTerminal && !isHinted && room.conversation.receiptPath !== undefined) {
        isHinted = true;
        output.write('(/receipt checks this answer, /? shows what else can be typed)\n\n');
      }
    } catch (error) {
      if (answering.signal.aborted) return;
      if (!(error instanceof LocalApiError)) throw error;
      room.output.writeError(`${error.message}\n`);
    } finally {
      answering = undefined;
    }
  }

  prompt();
  try {
    for await (const line of lines) {
      const message = collect(line)?.trim();
      if (message?.startsWith('/')) {
        if (!(await followSlashCommand(room, message))) break;
      } else if (message !== undefined && message !== '') await answer(stripQuotes(message));
      prompt();
    }
    if (isTerminal && isClosed) output.write('\n');
  } finally {
    await close(lines, isClosed);
  }
}

async function close(lines: Interface, isClosed: boolean): Promise<void> {
  if (isClosed) return;
  const closed = once(lines, 'close');
  lines.close();
  await closed;
}

const stripQuotes = (text: string): string =>
  text.startsWith(QUOTES)
    ? text
        .slice(QUOTES.length)
        .replace(/"""\s*$/, '')
        .trim()
    : text;
