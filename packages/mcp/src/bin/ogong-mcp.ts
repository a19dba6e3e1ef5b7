#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readFileSync } from 'node:fs';
import { StdioServerTransport, serveStdio as serveConnection } from '@modelcontextprotocol/server/stdio';
import { ConfigError } from '@ogong/host/config/config-error';
import { formatHostPort } from '@ogong/host/config/values';
import { processHost } from '@ogong/host/lifecycle/process-host';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLogger } from '@ogong/host/log/logger';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseAllow } from '@ogong/protocol/stage1/trust';
import { createClient, createMemoryClient, parseTrust, type Trust } from '@ogong/sdk';
import { createFeeMeter } from '../fee-meter.ts';
import { type McpValues, mcpConfig } from '../mcp-config.ts';
import { createMcpHttp, MAX_MESSAGE_BYTES } from '../mcp-http.ts';
import { createMcpServer, type McpContext } from '../mcp-server.ts';
import { createCallRunner } from '../tool-calls.ts';

const NAME = 'ogong-mcp';
/** Standard output then belongs to the protocol, and has no line of a daemon. */
let usesStdio = true;

/** @throws ConfigError */
function readTrust(path: string | undefined): Trust {
  if (path === undefined) return {};
  try {
    return parseTrust(parseJson(new Uint8Array(readFileSync(path))));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ConfigError(NAME, [`--trust ${path}: ${cause.message}`]);
  }
}

/** @throws ConfigError */
function createContext(values: McpValues): McpContext {
  const { gateway: baseUrl, apiKey, memory, memoryKey, maxSpend, concurrency, timeout: timeoutMs, logLevel } = values;
  const trust = readTrust(values.trust);
  const allow = parseAllow(values.allow);
  const client = createClient({ baseUrl, trust, allow, ...(apiKey && { apiKey: apiKey.reveal() }) });
  return {
    ...{ client, trust, allow, nowMs: Date.now },
    fees: createFeeMeter(maxSpend),
    runCall: createCallRunner({ concurrency, timeoutMs }, createLogger({ name: NAME, level: logLevel })),
    memory: memory === undefined ? undefined : createMemoryClient({ baseUrl: memory, apiKey: memoryKey?.reveal() }),
  };
}

async function serveHttp(port: number, { httpKey: key }: McpValues, context: McpContext): Promise<Daemon> {
  const http = createMcpHttp({ port, key }, () => createMcpServer(context));
  await http.start();
  return { ready: { url: `http://${formatHostPort(http.address())}/mcp` }, stop: () => http.stop() };
}

/** Ends the program with its one connection: at the end of standard input, or at a message that is too long. */
class OnlyConnection extends StdioServerTransport {
  override async close(): Promise<void> {
    await super.close();
    process.exit(0);
  }
}

async function serveStdio(context: McpContext): Promise<Daemon> {
  const transport = new OnlyConnection(process.stdin, process.stdout, { maxBufferSize: MAX_MESSAGE_BYTES });
  const connection = serveConnection(() => createMcpServer(context), { transport });
  return { stop: () => connection.close() };
}

async function start(): Promise<Daemon> {
  const parsed = mcpConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const context = createContext(values);
  usesStdio = values.http === undefined;
  return values.http === undefined ? serveStdio(context) : serveHttp(values.http, values, context);
}

await runDaemon(start, {
  name: NAME,
  host: { ...processHost, writeLine: (text) => (usesStdio ? undefined : processHost.writeLine(text)) },
});
