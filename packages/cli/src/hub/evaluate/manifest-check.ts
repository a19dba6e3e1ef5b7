import { ConfigError } from '@ogong/host/config/config-error';
import { findVersion } from '@ogong/hub/named/find-version';
import { formatVersion } from '@ogong/hub/named/named-model';
import { toHex } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass } from '@ogong/protocol/base/checks';
import { openHub, readEntry, readName } from '../open-hub.ts';
import { askPlaces, readPlaces } from '../open-places.ts';

export interface ManifestSettings {
  readonly program: string;
  /** Name of the model, `maker/model` with or without a version. */
  readonly of: string;
  readonly from: readonly string[];
  readonly deployment: string | undefined;
  readonly rpcUrl: string | undefined;
  readonly modelsDir: string;
}

/**
 * Finds the manifest of a model and checks that it names an evaluation of its weights.
 * @param file hash of the evaluation and root of its answers, hex.
 * @throws ConfigError, ChainError, TransferError
 */
export async function checkManifestOf(
  { program, of, from, deployment, ...rest }: ManifestSettings,
  file: { readonly hash: string; readonly modelRoot: string | undefined },
): Promise<Check> {
  const id = 'manifest';
  const name = readName(program, of);
  const ownPlaces = readPlaces(program, 'from', from);
  if (deployment === undefined) throw new ConfigError(program, ['--of needs --deployment, which names the registry']);
  const hub = await openHub(program, { deployment, ...rest });
  const entry = await readEntry(hub, name);
  const { manifest } = await askPlaces(
    { ...hub, ownPlaces },
    async (asked) => (await findVersion({ ...asked, entry, version: name.version })).found,
  );
  const shown = `the manifest of ${name.maker}/${name.model} ${formatVersion(manifest.version)}`;
  if (toHex(manifest.modelRoot) !== file.modelRoot)
    return fail(id, `${shown} is about root ${toHex(manifest.modelRoot)}`);
  const isNamed = manifest.evaluations.some((hash) => toHex(hash) === file.hash);
  return isNamed ? pass(id, `${shown} names this file`) : fail(id, `${shown} does not name this file`);
}
