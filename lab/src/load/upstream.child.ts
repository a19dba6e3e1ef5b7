// The upstream of the other gateways: a server with OpenAI's API that answers at once, with the requested number of chunks. One model
// answers at reading speed.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PACE_MS, PACED_MODEL } from './load-model.ts';

const CHUNK = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };
const toEvent = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
const toChunk = (content: string, finish: string | null): string =>
  toEvent({ ...CHUNK, choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
const toUsage = (tokens: number) => ({ prompt_tokens: 8, completion_tokens: tokens, total_tokens: 8 + tokens });

const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  if (request.method !== 'POST') return void response.end('{}');
  const {
    model,
    max_tokens: tokens,
    stream,
  } = JSON.parse(body) as {
    model: string;
    max_tokens: number;
    stream?: boolean;
  };
  if (!stream) {
    response.setHeader('content-type', 'application/json');
    const message = { role: 'assistant', content: 'word '.repeat(tokens) };
    return void response.end(
      JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'length' }],
        usage: toUsage(tokens),
      }),
    );
  }
  response.setHeader('content-type', 'text/event-stream');
  for (let i = 0; i < tokens; i++) {
    response.write(toChunk('word ', i === tokens - 1 ? 'length' : null));
    await (model === PACED_MODEL ? delay(PACE_MS) : new Promise(setImmediate));
  }
  response.write(toEvent({ ...CHUNK, choices: [], usage: toUsage(tokens) }));
  response.end('data: [DONE]\n\n');
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
