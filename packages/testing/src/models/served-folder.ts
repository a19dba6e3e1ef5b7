import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, sep } from 'node:path';
import { COMMIT } from './hub.ts';

/** Files above this size are stated with their SHA-256, as large files of the hub are. */
const LARGE_BYTES = 1_024;

type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer) => void;

/** A hub that serves folders of this machine as repositories, with ranges. */
export interface FolderHub {
  readonly endpoint: string;
  /** Folder of each repository. */
  readonly repositories: Map<string, string>;
  /** Paths of the files that were fetched, in their order; one that is fetched in parts has one for each. */
  readonly fetched: string[];
  /** Requests of any kind. */
  requests(): number;
  /** Answers the next requests for a file, one each. */
  readonly faults: Map<string, Fault[]>;
  close(): Promise<void>;
}

const listFiles = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => path.split(sep).join('/'))
    .sort();

/** Describes a file in the fields of the hub's list. */
function describeFile(folder: string, path: string): object {
  const content = readFileSync(join(folder, path));
  const size = content.length;
  if (size <= LARGE_BYTES) {
    const oid = createHash('sha1').update(`blob ${size}\0`).update(content).digest('hex');
    return { type: 'file', path, size, oid };
  }
  const oid = createHash('sha256').update(content).digest('hex');
  return { type: 'file', path, size, oid: 'a'.repeat(40), lfs: { oid, size, pointerSize: 135 } };
}

const serveContent: Fault = (request, response, content) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const body = first === undefined ? content : content.subarray(Number(first), Number(last) + 1);
  response.writeHead(first === undefined ? 200 : 206, {
    ...{ etag: '"v1"', 'accept-ranges': 'bytes', 'content-length': body.length },
    ...(first !== undefined && { 'content-range': `bytes ${first}-${last}/${content.length}` }),
  });
  response.end(body);
};

export async function startFolderHub(): Promise<FolderHub> {
  const repositories = new Map<string, string>();
  const fetched: string[] = [];
  const faults = new Map<string, Fault[]>();
  let count = 0;
  const server = createServer((request, response) => {
    count++;
    const url = decodeURIComponent(request.url ?? '');
    const [, repository = '', action = ''] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(url) ?? [];
    const folder = repositories.get(repository);
    const answer = (value: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const path = action.replace(`resolve/${COMMIT}/`, '');
    if (folder === undefined) response.writeHead(404).end('{"error":"Repository not found"}');
    else if (action === 'revision/main') answer({ sha: COMMIT });
    else if (action === `tree/${COMMIT}?recursive=true`)
      answer(listFiles(folder).map((file) => describeFile(folder, file)));
    else if (path !== action && listFiles(folder).includes(path)) {
      fetched.push(path);
      const serve = faults.get(path)?.shift() ?? serveContent;
      serve(request, response, readFileSync(join(folder, path)));
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ repositories, fetched, faults },
    requests: () => count,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
