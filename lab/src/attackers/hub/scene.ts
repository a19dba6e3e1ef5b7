import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { pullByName } from '@ogong/hub/named/fetch-model';
import { openFolderPlace, type PlaceSource } from '@ogong/hub/named/open-place';
import { formatManifestSource } from '@ogong/hub/place';
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSafetensors, pushTestModel, signTestManifest } from '@ogong/testing/hub/hub-model';
import type { HubCourse } from './attack.ts';

/** A model of the registry with one honest place, and readers of it. */
export interface HubScene {
  readonly place: PlaceSource;
  /** Signed manifest of an earlier version, which the registry does not name. */
  readonly older: Uint8Array;
  /** Starts a server on loopback. @returns its address, with a slash at its end. */
  serve(answer: RequestListener): Promise<string>;
  /** Has one reader ask the hostile place alone, and another one the hostile and the honest one. */
  read(hostile: PlaceSource): Promise<HubCourse>;
  close(): Promise<void>;
}

const WEIGHTS = createSafetensors(5 * BLOCK_BYTES + 1_000);
const LIMITS = { maxFailures: 2, pauseMs: 1, idleMs: 300, slowMs: 100 };

/** @param directory an empty folder. */
export async function openHubScene(directory: string): Promise<HubScene> {
  const origin = openFolderStore(join(directory, 'origin'));
  const { manifest, facts } = await pushTestModel(join(directory, 'folder'), origin, [
    { path: 'README.md', format: 'text', isWeight: false, content: utf8Encode('# Small\n') },
    { path: 'model.safetensors', format: 'safetensors', isWeight: true, content: WEIGHTS },
  ]);
  const { signed, encoded } = signTestManifest(manifest);
  const older = signTestManifest({ ...manifest, version: { major: 1, minor: 0, patch: 0 } }).encoded;
  const hash = toHex(signed.manifestHash);
  await keepManifest(origin.directory, { hash, signed: encoded });
  const place = openFolderPlace(origin);
  const { maker, model, modelRoot } = manifest;
  const listed = { maker, model, modelRoot, sources: [formatManifestSource(hash)] };
  const servers: Server[] = [];
  let readers = 0;

  /** @returns whether the files are those of the maker. */
  async function pull(places: readonly PlaceSource[], reports: string[]): Promise<boolean> {
    const named = new Map(places.map((one, i) => [`place ${i}`, one]));
    const { path } = await pullByName({
      ...{ crypto, listed, facts, store: openFolderStore(join(directory, `reader-${readers++}`)), limits: LIMITS },
      ownPlaces: [...named.keys()].map((address) => ({ kind: 'folder', address })),
      openPlace: ({ address }) => named.get(address),
      onEvent: (event) => void (event.kind === 'source-dropped' && reports.push(`${event.reason}: ${event.detail}`)),
    });
    return readFileSync(path).equals(WEIGHTS);
  }

  return {
    ...{ place, older },
    async serve(answer) {
      const server = createServer(answer);
      servers.push(server);
      await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    },
    async read(hostile) {
      const reports: string[] = [];
      const alone = await pull([hostile], reports).catch((error: unknown) => {
        if (!(error instanceof TransferError)) throw error;
        reports.push(`${error.code}: ${error.message}`);
        return true;
      });
      const isRight = await pull([hostile, place], reports);
      return { reports, isHarmed: !alone || !isRight };
    },
    async close() {
      for (const server of servers) await new Promise((done) => server.close(done).closeAllConnections());
    },
  };
}
