import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import {
  createMcpHandler,
  isLegacyRequest,
  type McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Secret } from '@ogong/host/crypto/secret';
import { createHttpServer, type HttpServer } from '@ogong/host/http/http-server';
import { isTrustedOrigin } from '@ogong/host/http/trusted-origins';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';

/** The longest message, bytes; the file of a run may be long. */
export const MAX_MESSAGE_BYTES = 20_000_000;
const PATH = '/mcp';
const HEADERS_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;
/** The session that was unused for the longest time ends for a further one. */
const MAX_SESSIONS = 32;

export interface McpHttpOptions {
  /** On 127.0.0.1; 0: any. */
  readonly port: number;
  /** Undefined: every program of this machine may call. */
  readonly key: Secret<string> | undefined;
}

const BODY = { maxRequestBodySize: MAX_MESSAGE_BYTES };

/**
 * Serves MCP over HTTP on this machine. A request of version 2026-07-28 stands alone. An older client has a session with a server of its
 * own, or it could not cancel a call. Web pages of other sites are refused, also those whose name leads here.
 */
export function createMcpHttp({ port, key }: McpHttpOptions, createServer: () => McpServer): HttpServer {
  const keyHash = key && hash(key.reveal());
  const sessions = createSessions(createServer);
  const modern = createMcpHandler(createServer, { ...BODY, legacy: 'reject' });
  const answer = async (request: Request): Promise<Response> =>
    (await isLegacyRequest(request, undefined, BODY)) ? sessions.answer(request) : modern.fetch(request);
  const http = createHttpServer(
    { fetch: (request) => refuse(request, keyHash) ?? answer(request) },
    {
      bind: { host: '127.0.0.1', port },
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      maxConnections: MAX_CONNECTIONS,
      maxConnectionsPerAddress: MAX_CONNECTIONS,
    },
  );
  return {
    ...http,
    async stop(graceMs) {
      sessions.close();
      await modern.close();
      await http.stop(graceMs);
    },
  };
}

interface Session {
  readonly server: McpServer;
  readonly transport: WebStandardStreamableHTTPServerTransport;
}

function createSessions(createServer: () => McpServer) {
  /** By id; the one that was used last is the last. */
  const sessions = new Map<string, Session>();

  function keep(id: string, session: Session): void {
    sessions.delete(id);
    sessions.set(id, session);
    const [oldest] = sessions.keys();
    if (sessions.size > MAX_SESSIONS && oldest !== undefined) end(oldest);
  }

  function end(id: string): void {
    const session = sessions.get(id);
    sessions.delete(id);
    void session?.server.close();
  }

  return {
    async answer(request: Request): Promise<Response> {
      const id = request.headers.get('mcp-session-id');
      if (id !== null) {
        const session = sessions.get(id);
        if (session === undefined) return createError(404, 'there is no such session; begin another one');
        keep(id, session);
        return session.transport.handleRequest(request);
      }
      const server = createServer();
      const transport = new WebStandardStreamableHTTPServerTransport({
        ...BODY,
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (made) => keep(made, { server, transport }),
        onsessionclosed: (closed) => end(closed),
      });
      await server.connect(transport);
      const response = await transport.handleRequest(request);
      // The message did not begin a session.
      if (transport.sessionId === undefined) await server.close();
      return response;
    },
    close() {
      for (const id of [...sessions.keys()]) end(id);
    },
  };
}

function refuse({ url, headers }: Request, keyHash: Uint8Array | undefined): Response | undefined {
  const host = (headers.get('host') ?? '').replace(/:[0-9]+$/, '');
  if (!isLoopbackHost(host)) return createError(403, 'this server is for localhost only');
  const origin = headers.get('origin');
  if (origin !== null && !isTrustedOrigin(origin, []))
    return createError(403, 'this web page may not call this server');
  const [, shown] = /^Bearer (.{1,1000})$/i.exec(headers.get('authorization') ?? '') ?? [];
  if (keyHash !== undefined && (shown === undefined || !timingSafeEqual(hash(shown), keyHash)))
    return createError(401, 'show the key of this server as a bearer token');
  return new URL(url).pathname === PATH ? undefined : createError(404, `the endpoint is ${PATH}`);
}

const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const createError = (status: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null }, { status });
