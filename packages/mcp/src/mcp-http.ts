import { createHash, timingSafeEqual } from 'node:crypto';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { Secret } from '@ogong/host/crypto/secret';
import { createHttpServer, type HttpServer } from '@ogong/host/http/http-server';
import { isTrustedOrigin } from '@ogong/host/http/trusted-origins';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';

/** The longest message, bytes; the file of a run may be long. */
export const MAX_MESSAGE_BYTES = 20_000_000;
const PATH = '/mcp';
const HEADERS_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;

export interface McpHttpOptions {
  /** On 127.0.0.1; 0: any. */
  readonly port: number;
  /** Undefined: every program of this machine may call. */
  readonly key: Secret<string> | undefined;
}

/**
 * Serves MCP over HTTP on this machine, without sessions: each message has a server of its own. Web pages of other machines are refused,
 * also those whose name leads here.
 */
export function createMcpHttp({ port, key }: McpHttpOptions, createServer: () => McpServer): HttpServer {
  const keyHash = key && hash(key.reveal());
  return createHttpServer(
    {
      fetch: (request) => refuse(request, keyHash) ?? answer(request, createServer()),
    },
    {
      bind: { host: '127.0.0.1', port },
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      maxConnections: MAX_CONNECTIONS,
      maxConnectionsPerAddress: MAX_CONNECTIONS,
    },
  );
}

async function answer(request: Request, server: McpServer): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    enableJsonResponse: true,
    maxRequestBodySize: MAX_MESSAGE_BYTES,
  });
  const close = (): void => void server.close();
  // Closing aborts the running call.
  request.signal.addEventListener('abort', close);
  try {
    await server.connect(transport);
    return await transport.handleRequest(request);
  } finally {
    request.signal.removeEventListener('abort', close);
    close();
  }
}

function refuse({ url, method, headers }: Request, keyHash: Uint8Array | undefined): Response | undefined {
  const host = (headers.get('host') ?? '').replace(/:[0-9]+$/, '');
  if (!isLoopbackHost(host)) return createError(403, 'this server is for localhost only');
  const origin = headers.get('origin');
  if (origin !== null && !isTrustedOrigin(origin, []))
    return createError(403, 'this web page may not call this server');
  const [, shown] = /^Bearer (.{1,1000})$/i.exec(headers.get('authorization') ?? '') ?? [];
  if (keyHash !== undefined && (shown === undefined || !timingSafeEqual(hash(shown), keyHash)))
    return createError(401, 'show the key of this server as a bearer token');
  if (new URL(url).pathname !== PATH) return createError(404, `the endpoint is ${PATH}`);
  // There are no sessions to listen to or to end.
  return method === 'POST' ? undefined : createError(405, 'send messages by POST');
}

const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const createError = (status: number, message: string): Response =>
  Response.json(
    { jsonrpc: '2.0', error: { code: -32_000, message }, id: null },
    { status, ...(status === 405 && { headers: { allow: 'POST' } }) },
  );
