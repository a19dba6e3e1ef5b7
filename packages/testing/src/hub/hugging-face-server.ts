import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type LoopbackHttp, readBody, receiveFile, sendFile, startLoopbackHttp } from './file-answers.ts';

/** Larger files go to the store of large files, as the hub decides by itself. */
const LARGE_BYTES = 10_000;

interface CommitLine {
  readonly key: 'header' | 'file' | 'lfsFile' | 'deletedFile';
  readonly value: { readonly path: string; readonly content: string; readonly oid: string };
}

/**
 * A server with the answers of Hugging Face's API to an upload, a commit and a read: one repository, its main branch alone.
 * @param token writes need it.
 */
export async function startHuggingFaceServer(
  directory: string,
  { repository, token }: { readonly repository: string; readonly token: string },
): Promise<LoopbackHttp> {
  /** Files of each commit: path in the repository, then the file of this disk. */
  const commits: { readonly id: string; readonly files: ReadonlyMap<string, string> }[] = [];
  const storeOf = (oid: string): string => join(directory, `lfs-${oid}`);

  function commit(lines: readonly CommitLine[]): string {
    const files = new Map(commits.at(-1)?.files ?? []);
    for (const { key, value } of lines) {
      if (key === 'deletedFile') files.delete(value.path);
      if (key === 'lfsFile') files.set(value.path, storeOf(value.oid));
      if (key !== 'file') continue;
      const path = join(directory, `file-${createHash('sha256').update(value.content).digest('hex')}`);
      writeFileSync(path, Buffer.from(value.content, 'base64'));
      files.set(value.path, path);
    }
    const id = createHash('sha1').update(`${commits.length}`).digest('hex');
    commits.push({ id, files });
    return id;
  }
  const answer = (response: ServerResponse, value: unknown, status = 200): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

  const http: LoopbackHttp = await startLoopbackHttp(async (request, response) => {
    const url = request.url ?? '';
    const [, id, path = ''] =
      new RegExp(`^/${repository}/resolve/([0-9a-f]{40})/(.+)$`).exec(decodeURIComponent(url)) ?? [];
    if (request.method === 'GET' && id !== undefined) {
      const file = commits.find((one) => one.id === id)?.files.get(path);
      if (file !== undefined) return await sendFile(request, response, file);
      return answer(response, { error: 'Entry not found' }, 404);
    }
    if (request.method === 'GET' && url === `/api/models/${repository}/revision/main`)
      return answer(response, { sha: commits.at(-1)?.id });
    const [, oid] = /^\/lfs\/([0-9a-f]{64})$/.exec(url) ?? [];
    if (request.method === 'PUT' && oid !== undefined) {
      await receiveFile(request, storeOf(oid));
      return answer(response, {});
    }
    const body = await readBody(request);
    if (request.headers.authorization !== `Bearer ${token}`) return answer(response, { error: 'Unauthorized' }, 401);
    if (url === `/api/models/${repository}/preupload/main`) {
      const { files } = JSON.parse(body) as { files: { path: string; size: number }[] };
      const modeOf = (size: number): string => (size > LARGE_BYTES ? 'lfs' : 'regular');
      return answer(response, { files: files.map((file) => ({ ...file, uploadMode: modeOf(file.size) })) });
    }
    if (url === `/${repository}.git/info/lfs/objects/batch`) {
      const { objects } = JSON.parse(body) as { objects: { oid: string; size: number }[] };
      const upload = (large: string) => ({ upload: { href: `${http.endpoint}/lfs/${large}` } });
      return answer(response, {
        ...{ transfer: 'basic', objects: objects.map((object) => ({ ...object, actions: upload(object.oid) })) },
      });
    }
    if (url === `/api/models/${repository}/commit/main`) {
      const made = commit(body.split('\n').map((line) => JSON.parse(line) as CommitLine));
      return answer(response, {
        ...{ success: true, commitOid: made, commitUrl: `${http.endpoint}/${repository}/commit/${made}` },
        hookOutput: '',
      });
    }
    answer(response, { error: 'Not found' }, 404);
  });
  return http;
}
