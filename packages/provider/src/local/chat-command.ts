import { createInterface } from 'node:readline/promises';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { ChatMessage, TextEngine } from '@ogong/engine/interface/text';
import { systemClock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { parseModelRequest } from '../engine/model-request.ts';
import { encodeJson, findToday, generateLocally } from './local-model.ts';

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Prompts are shown to people only. */
  readonly isInteractive: boolean;
}

/** Reads a line, streams the reply, and so on until the input ends. Ctrl-C ends a reply, and the chat between two. */
export async function chat(
  {
    engine,
    crypto,
    system,
  }: { readonly engine: TextEngine; readonly crypto: Crypto; readonly system: string | undefined },
  { input, output, isInteractive }: Terminal,
): Promise<void> {
  const lines = createInterface({ input, output, terminal: isInteractive, prompt: '> ' });
  let messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let replying: AbortController | undefined;

  async function reply(said: readonly ChatMessage[], signal: AbortSignal): Promise<string> {
    const body = encodeJson({ model: 'local', messages: said, max_tokens: engine.info().contextSize });
    let sent = 0;
    const request = parseModelRequest(body, 'chat', findToday(systemClock));
    for await (const event of generateLocally(crypto, { engine }, request, { signal })) {
      if (event.kind === 'token') {
        sent += event.text.length;
        output.write(event.text);
      } else if (event.kind === 'end') {
        output.write(`${event.text.slice(sent)}\n`);
        return event.text;
      }
    }
    throw new EngineError('engine-crashed', 'the engine ended without an answer');
  }

  let isClosed = false;
  const prompt = (): void => {
    if (isInteractive && !isClosed) lines.prompt();
  };
  lines.once('close', () => {
    isClosed = true;
  });
  lines.on('SIGINT', () => (replying ? replying.abort() : lines.close()));
  prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      messages.push({ role: 'user', content: line });
      replying = new AbortController();
      messages = await forgetUntilFits(engine, messages);
      messages.push({ role: 'assistant', content: await reply(messages, replying.signal) });
      replying = undefined;
    }
    prompt();
  }
}

/** Drops the oldest exchanges if the conversation is too long for the model, but never the system message. */
async function forgetUntilFits(engine: TextEngine, messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
  const told = messages.filter(({ role }) => role === 'system');
  const said = messages.filter(({ role }) => role !== 'system');
  const most = engine.info().contextSize / 2;
  for (;;) {
    const tokens = await engine.tokenizePrompt({
      kind: 'chat',
      messages: [...told, ...said],
      day: findToday(systemClock),
    });
    if (tokens.length <= most || said.length === 1) return [...told, ...said];
    said.shift();
  }
}
