import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { countBlocks } from '@ogong/hub/blocks';
import { findManifest, pullByName } from '@ogong/hub/named/fetch-model';
import { readRegistryEntry } from '@ogong/hub/named/registry-entry';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashFile } from './hash-file.ts';
import { type HubNetwork, LARGE } from './hub-network.ts';
import type { PoisonedRecord } from './hub-record.ts';

/** Pulls a model by its name from the mirrors that its entry on the chain names. */
export async function pullPoisoned({ mesh, honest, poisoned, countChanged }: HubNetwork): Promise<PoisonedRecord> {
  const { deployment, plan } = mesh;
  const chain = await createChainClient({ rpcUrl: plan.rpcUrl, deployment });
  const { facts, inForce } = await readRegistryEntry(chain, domainOf(deployment, deployment.models), LARGE);
  if (inForce === undefined) throw new Error(`${LARGE.maker}/${LARGE.model} is not in force`);
  const asked = { crypto, facts, listed: inForce, store: openFolderStore(join(plan.directory, 'reader')) };
  const { found } = await findManifest(asked);
  const [file] = found.manifest.files;
  if (file === undefined) throw new Error('the manifest names no file');
  const signedRoot = toHex(file.blockRoot);
  const dropped: PoisonedRecord['dropped'][number][] = [];
  const path = await pullByName({
    ...asked,
    onEvent(event) {
      if (event.kind === 'source-dropped') dropped.push({ source: event.source, reason: event.reason });
    },
  }).then(
    (pulled) => pulled.path,
    (error: unknown) => {
      if (error instanceof TransferError) return undefined;
      throw error;
    },
  );
  return {
    ...{ name: `${LARGE.maker}/${LARGE.model}`, blocks: countBlocks(file.sizeBytes), dropped, signedRoot },
    ...{ poisonedUrl: poisoned.url, honestUrl: honest.url, changedPieces: countChanged() },
    honestRequests: honest.asked.filter((request) => request === `/blobs/${signedRoot}`).length,
    fileRoot: path === undefined ? undefined : await hashFile(path),
  };
}
