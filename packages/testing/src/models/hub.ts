import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The hub's data of one repository. */
export interface RecordedRepository {
  readonly about: unknown;
  readonly tree: unknown;
}

export type HubAnswer = (response: ServerResponse) => void;

export const COMMIT = 'c'.repeat(40);

export const sha = (digit: string): string => digit.repeat(64);

/** An entry of a file list, in the hub's fields. */
export const listed = (path: string, size: number, oid?: string): object => ({
  ...{ type: 'file', oid: 'a'.repeat(40), size, path },
  ...(oid !== undefined && { lfs: { oid, size, pointerSize: 135 } }),
});

/** A server on the loopback that answers as the hub's API does. `answers` go before the recorded repositories. */
export async function startHub(): Promise<{
  readonly endpoint: string;
  readonly repositories: Map<string, RecordedRepository>;
  readonly answers: Map<string, HubAnswer>;
  readonly asked: string[];
  close(): Promise<void>;
}> {
  const repositories = new Map<string, RecordedRepository>();
  const answers = new Map<string, HubAnswer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    const [, repository = '', tree] =
      /^\/api\/models\/([^/]+\/[^/]+?)(\/tree\/[0-9a-f]{40}\?recursive=true)?$/.exec(url) ?? [];
    const special = answers.get(url);
    const recorded = repositories.get(repository);
    if (special !== undefined) special(response);
    else if (recorded === undefined) response.writeHead(404).end('{"error":"Repository not found"}');
    else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(tree === undefined ? recorded.about : recorded.tree));
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ repositories, answers, asked },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
