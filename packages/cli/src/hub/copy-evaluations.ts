import type { Output } from '@ogong/host/lifecycle/command';
import type { HubManifest } from '@ogong/hub/manifest';
import { evaluationPath } from '@ogong/hub/store/evaluation-folder';
import { type FetchEvaluationsOptions, fetchEvaluations } from '@ogong/hub/transfer/fetch-evaluations';
import { toHex } from '@ogong/protocol/base/bytes';

/** An evaluation in the store of this machine. */
export interface KeptEvaluation {
  /** 64 hex digits. */
  readonly hash: string;
  readonly path: string;
}

/** Brings the evaluations of a manifest onto this machine, and names those that no place has. @throws TransferError `cancelled` */
export async function copyEvaluations(
  manifest: HubManifest,
  options: FetchEvaluationsOptions,
  { writeError }: Pick<Output, 'writeError'>,
): Promise<KeptEvaluation[]> {
  const missing = await fetchEvaluations(manifest, options);
  for (const { hash, reason } of missing) writeError(`the evaluation ${hash} is not copied: ${reason}\n`);
  const lost = new Set(missing.map(({ hash }) => hash));
  const kept = manifest.evaluations.map(toHex).filter((hash) => !lost.has(hash));
  return kept.map((hash) => ({ hash, path: evaluationPath(options.store.directory, hash) }));
}
