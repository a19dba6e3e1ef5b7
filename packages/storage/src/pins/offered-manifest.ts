import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeSha256 } from '@ogong/hub/sha256';
import { parseSignedManifest } from '@ogong/hub/signed-manifest';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { toHex } from '@ogong/protocol/base/bytes';
import type { KeptManifests, OfferedBlob, PinParts } from './pin-parts.ts';

const NAMED = /^hub:([0-9a-f]{64}) (.*)$/;

/** Splits the place of an offer from the hash of the manifest that the payer can name before it. */
export function splitOfferedPlace(text: string): { readonly place: string; readonly manifest: string | undefined } {
  const [, manifest, place = text] = NAMED.exec(text) ?? [];
  return { place, manifest };
}

/**
 * Keeps the manifest that an offer names, so that the model can be pulled by its name from this provider alone. Readers check the signature.
 * Nobody pays for it, so a failure is logged and the offer stands.
 * @returns its hash if it came for a pin. Undefined if the offer names none, if it was here before, or after a failure.
 */
export async function keepOfferedManifest(
  { store, pinStore, readManifest, log }: Pick<PinParts, 'store' | 'pinStore' | 'readManifest' | 'log'>,
  offered: OfferedBlob,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { manifest: hash } = splitOfferedPlace(offered.place);
  if (hash === undefined) return undefined;
  if (pinStore.kept().some(({ manifest }) => manifest === hash)) return hash;
  if ((await stat(pathOf(store.directory, hash)).catch(() => undefined)) !== undefined) return undefined;
  try {
    const signed = await readManifest(offered, hash, signal);
    assertManifestOf(offered.id, { hash, signed });
    await keepManifest(store.directory, { hash, signed });
    return hash;
  } catch (err) {
    log.warn({ hash, err }, 'the manifest of an offer is not kept');
    return undefined;
  }
}

/** @throws Error for another manifest than the named one, and for one of a model without the blob; ProtocolError. */
function assertManifestOf(id: string, { hash, signed }: { readonly hash: string; readonly signed: Uint8Array }): void {
  const { manifest, manifestHash } = parseSignedManifest(nodeSha256, signed);
  if (toHex(manifestHash) !== hash) throw new Error(`the place sent the manifest ${toHex(manifestHash)}`);
  if (!manifest.files.some(({ blockRoot }) => toHex(blockRoot) === id)) throw new Error(`it has no file ${id}`);
}

/** Removes a manifest that came for pins, unless an accepted pin names it. */
export async function removeUnnamedManifest({ store, pinStore }: KeptManifests, hash: string): Promise<void> {
  if (pinStore.kept().some(({ manifest }) => manifest === hash)) return;
  await rm(pathOf(store.directory, hash), { force: true });
}

const pathOf = (directory: string, hash: string): string => join(directory, 'manifests', hash);
