import { parseLicence } from '@ogong/hub/licence';
import type { HubManifest } from '@ogong/hub/manifest';

/** Licences that let anybody serve a model. An operator may name others. */
export const OPEN_LICENCES = ['Apache-2.0', 'MIT', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'CC-BY-4.0'];

export interface AcceptableModels {
  /** SPDX ids. */
  readonly licences: readonly string[];
  /** Disk for all models of the hub. */
  readonly budgetBytes: number;
  /** Memory for one model. */
  readonly memoryBytes: number;
}

export const sumModelBytes = ({ files }: Pick<HubManifest, 'files'>): number =>
  files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/**
 * Finds the reason that this provider does not fetch a model, before its files are fetched; undefined if there is none. Its exact memory
 * is known when it is loaded.
 */
export function findRefusal(
  manifest: Pick<HubManifest, 'files' | 'licence' | 'lineage' | 'rootRule'>,
  { licences, budgetBytes, memoryBytes }: AcceptableModels,
): string | undefined {
  const { files, licence, lineage, rootRule } = manifest;
  if (!isLicenceAmong(licence, licences)) return `its licence is ${licence}`;
  if (lineage.some(({ relation }) => relation === 'adapter-of')) return 'it is an adapter, and no whole model';
  const weights = files.filter(({ isWeight }) => isWeight);
  const isRunnable =
    rootRule === 'folder'
      ? weights.some(({ format }) => format === 'onnx')
      : weights.every(({ format }) => format === 'gguf');
  if (!isRunnable) return 'no engine here runs its format; engines run GGUF files and model folders with ONNX files';
  const sizeBytes = sumModelBytes(manifest);
  if (sizeBytes > budgetBytes) return `it has ${sizeBytes} bytes, and the budget is ${budgetBytes}`;
  const weightBytes = sumModelBytes({ files: weights });
  return weightBytes > memoryBytes
    ? `its weights have ${weightBytes} bytes, and ${memoryBytes} bytes of memory are free`
    : undefined;
}

/** Returns whether one alternative of an SPDX expression has none but these licences. */
function isLicenceAmong(expression: string, licences: readonly string[]): boolean {
  const known = new Set(licences.map((id) => id.toUpperCase()));
  return parseLicence(expression).some((alternative) => alternative.every(({ id }) => known.has(id)));
}
