import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { EngineError } from '@ogong/engine/engine';
import { type HttpDoor, openAt } from '@ogong/host/http/http-door';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import type { Clock } from '@ogong/host/time/clock';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { RequestError } from '@ogong/protocol/exchange/request';
import type { LocalModel } from './local-model.ts';
import { chatAsOllama, generateAsOllama, listOllamaModels } from './ollama-api.ts';
import { completeChat, formatOpenAiError, type LocalAnswer, type LocalCall, listOpenAiModels } from './openai-api.ts';

export interface LocalServerOptions {
  readonly listen: HostPort;
  readonly models: readonly LocalModel[];
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** The release of Ollama's API that this one follows; some clients ask before they talk. */
const OLLAMA_VERSION = '0.6.0';

type Handler = (body: Uint8Array, call: LocalCall) => LocalAnswer | Promise<LocalAnswer>;

/** OpenAI's and Ollama's API on one port of this machine. */
export function createLocalServer(
  { listen, models }: LocalServerOptions,
  { crypto, clock, log }: { readonly crypto: Crypto; readonly clock: Clock; readonly log: Pick<Logger, 'error'> },
): HttpDoor {
  const json = (body: unknown): LocalAnswer => ({ kind: 'json', body });
  const routes: Readonly<Record<string, Handler>> = {
    'GET /api/version': () => json({ version: OLLAMA_VERSION }),
    'GET /api/tags': () => json(listOllamaModels(models)),
    'POST /api/chat': chatAsOllama,
    'POST /api/generate': generateAsOllama,
    'GET /v1/models': () => json(listOpenAiModels(models)),
    'POST /v1/chat/completions': completeChat,
  };

  function find(id: string): LocalModel {
    const name = id.replace(/:latest$/, '');
    const model = models.find((each) => each.id === name);
    if (!model) {
      const known = models.map((each) => each.id).join(', ');
      throw new RequestError(
        `model ${JSON.stringify(id.slice(0, 100))} is not loaded; there is ${known}`,
        'model',
        'model_not_found',
      );
    }
    return model;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0];
    const isOllama = path?.startsWith('/api/') ?? false;
    const left = new AbortController();
    response.once('close', () => left.abort());
    try {
      if (!isLocalOrigin(request.headers.origin))
        return sendError(response, 403, 'only pages of this machine may ask', isOllama);
      if (path === '/' && request.method === 'GET') return void response.end('Ollama is running');
      const handler = routes[`${request.method} ${path}`];
      if (!handler) return sendError(response, 404, `nothing is at ${request.method} ${path}`, isOllama);
      const body = await readBody(request);
      const answer = await handler(body, { crypto, nowMs: clock.nowMs(), signal: left.signal, find });
      if (answer.kind === 'json') sendJson(response, 200, answer.body);
      else await sendStream(response, answer);
    } catch (error) {
      if (left.signal.aborted) return;
      const { status, message, param, code } = toHttpError(error);
      if (status === 500) log.error({ err: error }, 'a request failed');
      if (response.headersSent) response.destroy();
      else sendError(response, status, message, isOllama, param, code);
    }
  }

  const server = createServer((request, response) => void handle(request, response));
  server.requestTimeout = 30_000;

  return openAt(listen, server);
}

/** Any page in a browser can post to this port: only those that came from this machine are answered. */
function isLocalOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true;
  const url = URL.parse(origin);
  return url !== null && isLoopbackHost(url.hostname);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RequestError(`the body exceeds ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The first chunk is waited for before the headers leave, so that a refusal still has its status. */
async function sendStream(
  response: ServerResponse,
  { contentType, chunks }: Extract<LocalAnswer, { kind: 'stream' }>,
): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  let next = await iterator.next();
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache' });
  while (!next.done && !response.destroyed) {
    if (!response.write(next.value)) await drained(response);
    next = await iterator.next();
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  isOllama: boolean,
  param: string | null = null,
  code: string | null = null,
): void {
  const type = status < 500 ? 'invalid_request_error' : 'server_error';
  sendJson(response, status, isOllama ? { error: message } : formatOpenAiError(message, type, param, code));
}

interface HttpError {
  readonly status: number;
  readonly message: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

function toHttpError(error: unknown): HttpError {
  if (error instanceof RequestError) {
    const { message, param, code } = error;
    return { status: code === 'model_not_found' ? 404 : 400, message, param, code };
  }
  if (error instanceof EngineError) {
    const { code, message } = error;
    if (code === 'invalid-request' || code === 'prompt-too-long') return { status: 400, message, code };
    if (error.retryable || code === 'overloaded') return { status: 503, message, code };
  }
  return { status: 500, message: 'internal error' };
}
