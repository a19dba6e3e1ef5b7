import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { encodePng } from '@ogong/host/media/png';
import { toBase64 } from '@ogong/protocol/base/bytes';

type Fields = Readonly<Record<string, unknown>>;

export interface RecordedImageOptions {
  /** Default: `painter`. */
  readonly model?: string;
  /** Default: none. */
  readonly key?: string;
  /** Refuses `response_format`, as some models of OpenAI's own API do. */
  readonly refusesFormat?: boolean;
  /** Answers in its own way; false leaves the answer to the server. */
  readonly answer?: (body: Fields, response: ServerResponse) => boolean;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface RecordedImageServer {
  readonly address: string;
  /** Bodies of the requests for pictures. */
  readonly asked: readonly Fields[];
  close(): Promise<void>;
}

/** Paints a picture that depends on prompt and seed. @returns RGB8, row by row. */
export function paintPicture({ prompt, size, seed }: Fields): {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
} {
  const [width = 0, height = 0] = String(size).split('x').map(Number);
  const shift = String(prompt).length + Number(seed ?? 0);
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7 + shift) & 255);
  return { width, height, pixels };
}

/** An HTTP server with OpenAI's API of images. It runs no model. */
export async function startRecordedImageServer(options: RecordedImageOptions = {}): Promise<RecordedImageServer> {
  const { model = 'painter', key, refusesFormat = false, answer } = options;
  const asked: Fields[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(request, response).catch(() => response.destroy());
  };
  const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`)
      return send(response, 401, { error: { message: 'Incorrect API key provided' } });
    if (request.method === 'GET' && request.url === '/v1/models')
      return send(response, 200, { object: 'list', data: [{ id: model, object: 'model' }] });
    if (request.method !== 'POST' || request.url !== '/v1/images/generations')
      return send(response, 404, { error: { message: 'not found' } });
    const body = JSON.parse(await readText(request)) as Fields;
    asked.push(body);
    if (answer?.(body, response)) return;
    if (refusesFormat && body.response_format !== undefined)
      return send(response, 400, { error: { message: "Unknown parameter: 'response_format'." } });
    send(response, 200, { created: 1, data: [{ b64_json: toBase64(await encodePng(paintPicture(body))) }] });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `${options.tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** Answers with a document. */
export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
