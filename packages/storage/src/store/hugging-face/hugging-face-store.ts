import { openAsBlob } from 'node:fs';
import { type CommitOperation, commit } from '@huggingface/hub';
import type { Secret } from '@ogong/host/crypto/secret';
import { readHttpRange } from '@ogong/hub/transfer/block-source';
import { findCommit, hubHeaders } from '@ogong/models/hub';
import { createKeyTurns } from '../key-turns.ts';
import { PLACE_FOLDERS, type PlaceStore } from '../place-store.ts';
import { openStagedStore } from '../staged/staged-store.ts';

export interface HuggingFacePlace {
  /** Address of the service. */
  readonly endpoint: string;
  /** `owner/name`. It exists already. */
  readonly repository: string;
  readonly token: Secret<string>;
  /** Keeps the commit of each blob, and blobs that are on their way. */
  readonly folder: string;
}

/**
 * Opens a store in a repository of Hugging Face. Each put is a commit, and a blob is read from its own commit, so that a later change of the
 * repository changes nothing.
 */
export function openHuggingFaceStore({ endpoint, repository, token, folder }: HuggingFacePlace): PlaceStore {
  const turns = createKeyTurns();
  const access = { endpoint, token: token.reveal() };
  /** Commits one after another: the service refuses two at once. @returns the commit, 40 hex digits. */
  const change = (title: string, operations: CommitOperation[], abortSignal?: AbortSignal): Promise<string> =>
    turns.run(repository, async () => {
      const made = await commit({
        ...{ title, operations, hubUrl: endpoint, repo: repository, accessToken: token.reveal() },
        // The plain upload is one request of a file of this disk, and needs no second copy of it.
        useXet: false,
        ...(abortSignal && { abortSignal }),
      });
      if (made === undefined || !/^[0-9a-f]{40}$/.test(made.commit.oid))
        throw new Error(`${new URL(endpoint).host} named no commit for ${repository}`);
      return made.commit.oid;
    });
  const add = (folder: string, name: string, content: Blob): CommitOperation => ({
    ...{ operation: 'addOrUpdate', path: `${folder}/${name}`, content },
  });

  return openStagedStore(folder, {
    name: `${new URL(endpoint).host}/${repository}`,

    async send({ id, path, list, signal }) {
      const files = [
        add(PLACE_FOLDERS.blob, id, await openAsBlob(path)),
        add(PLACE_FOLDERS.list, id, new Blob([new Uint8Array(list)])),
      ];
      return [`${await change(`Add blob ${id}`, files, signal)}/${PLACE_FOLDERS.blob}/${id}`];
    },

    async sendEvaluation({ hash, path, signal }) {
      const file = add(PLACE_FOLDERS.evaluation, hash, await openAsBlob(path));
      return [`${await change(`Add evaluation ${hash}`, [file], signal)}/${PLACE_FOLDERS.evaluation}/${hash}`];
    },

    read: ({ references: [path = ''] }, range, signal) =>
      readHttpRange(`${endpoint}/${repository}/resolve/${path}`, range, {
        ...{ name: repository, headers: hubHeaders(access), signal },
      }),

    async drop({ references: [path = ''] }) {
      const id = path.split('/').at(-1) ?? '';
      const folders = [PLACE_FOLDERS.blob, PLACE_FOLDERS.list];
      await change(
        `Remove blob ${id}`,
        folders.map((folder) => ({ operation: 'delete', path: `${folder}/${id}` })),
      );
    },

    async publish(index) {
      const files: CommitOperation[] = [];
      for (const hash of await index.manifests())
        files.push(add(PLACE_FOLDERS.manifest, hash, new Blob([new Uint8Array(await index.readManifest(hash))])));
      const made = files.length > 0 ? await change('Add manifests', files) : await findCommit(repository, access);
      return `hf:${repository}@${made}`;
    },

    close: async () => undefined,
  });
}
