import { join } from 'node:path';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { HubStoreError } from './hub-store-error.ts';
import { assertManifestSize } from './manifest-size.ts';
import type { PlaceStore } from './place-store.ts';
import { openBlobIndex } from './staged/blob-index.ts';
import {
  type Environment,
  readHuggingFace,
  readIpfsNode,
  readS3Keys,
  readS3Service,
  readSetting,
  readWalrus,
} from './store-settings.ts';

export interface OpenStoreOptions {
  /** Folder of this machine for what a store keeps here: ids, blocks of IPFS, blobs that are on their way. */
  readonly folder: string;
  /** Keys and addresses of services (docs/hub-stores.md). */
  readonly env: Environment;
}

const FORMS = 'write a folder, s3://bucket/prefix, ipfs:, walrus: or hf:owner/repo';
const BUCKET = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*)\/?$/;
const REPOSITORY = /^hf:([A-Za-z0-9][A-Za-z0-9._-]{0,95})\/([A-Za-z0-9][A-Za-z0-9._-]{0,95})$/;

/**
 * Opens the store that an address names. An engine is loaded when it is asked for.
 * @throws HubStoreError, or the error of an engine that does not start.
 */
export async function openHubStore(address: string, options: OpenStoreOptions): Promise<PlaceStore> {
  const { env, folder } = options;
  if (address.startsWith('s3:')) return await openS3(address, env);
  if (address === 'ipfs:') return await openIpfs(join(folder, 'ipfs'), env);
  if (address === 'walrus:') {
    const { openWalrusStore } = await import('./walrus/walrus-store.ts');
    return openWalrusStore({ ...readWalrus(env), folder: join(folder, 'walrus') });
  }
  if (address.startsWith('hf:')) return await openHuggingFace(address, options);
  const path = address.replace(/^folder:/, '');
  // A letter and a colon begin a path of Windows.
  if (path === '' || /^[a-z0-9+]{2,}:/i.test(path))
    throw new HubStoreError('bad-address', `"${address.slice(0, 260)}" names no store: ${FORMS}`);
  return openFolder(path);
}

/** Parses `s3://bucket/prefix`. @throws HubStoreError `bad-address`. */
export function parseBucket(address: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket, path = ''] = BUCKET.exec(address) ?? [];
  if (bucket === undefined)
    throw new HubStoreError('bad-address', `"${address.slice(0, 260)}" names no bucket: write s3://bucket/prefix`);
  return { bucket, prefix: path.slice(1) };
}

async function openS3(address: string, env: Environment): Promise<PlaceStore> {
  const place = parseBucket(address);
  const keys = readS3Keys(env);
  if (keys === undefined)
    throw new HubStoreError(
      'missing-setting',
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: the keys of the bucket',
    );
  const { openS3Store } = await import('./s3/s3-store.ts');
  return openS3Store({ ...place, ...readS3Service(env), ...keys });
}

async function openIpfs(folder: string, env: Environment): Promise<PlaceStore> {
  const { openIpfsNode } = await import('./ipfs/ipfs-node.ts');
  const { openIpfsStore } = await import('./ipfs/ipfs-store.ts');
  return openIpfsStore(await openIpfsNode({ ...readIpfsNode(env), folder }), folder);
}

async function openHuggingFace(address: string, { env, folder }: OpenStoreOptions): Promise<PlaceStore> {
  const [, owner, name] = REPOSITORY.exec(address) ?? [];
  if (owner === undefined || name === undefined)
    throw new HubStoreError('bad-address', `"${address.slice(0, 260)}" names no repository: write hf:owner/repo`);
  const { endpoint, token } = readHuggingFace(env);
  if (token === undefined) {
    readSetting(env, 'HF_TOKEN', 'a token that may write to the repository');
    throw new HubStoreError('missing-setting', 'set HF_TOKEN');
  }
  const { openHuggingFaceStore } = await import('./hugging-face/hugging-face-store.ts');
  const place = { endpoint, token, repository: `${owner}/${name}` };
  return openHuggingFaceStore({ ...place, folder: join(folder, 'hf', owner, name) });
}

function openFolder(path: string): PlaceStore {
  const index = openBlobIndex(path);
  return {
    ...openFolderStore(path),
    async putManifest(hash, signed) {
      assertManifestSize(signed);
      await index.addManifest(hash, signed);
    },
    publish: async () => `folder:${path}`,
    close: async () => undefined,
  };
}
