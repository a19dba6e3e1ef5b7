import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Relation } from '@ogong/hub/licence';
import type { HubManifest, ManifestFile } from '@ogong/hub/manifest';
import { CONVERTER, CONVERTER_KEY } from '@ogong/models/conversion/convert';
import { hashFile } from '@ogong/models/file-hashes';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { type GgufHeader, numberOf, stringOf } from '@ogong/models/gguf/types';
import { ModelError } from '@ogong/models/model-error';
import type { Quantizer } from '@ogong/models/resolve';
import { isTransformersFolder } from '@ogong/models/transformers-folder';
import { equalBytes } from '@ogong/protocol/base/bytes';

/** The result of a step that was tried again. */
export type StepOutcome =
  | { readonly kind: 'repeated' }
  /** The step gives other bytes. */
  | { readonly kind: 'differs'; readonly detail: string }
  | { readonly kind: 'not-repeatable'; readonly detail: string };

/** A model on this machine. */
export interface ModelCopy {
  readonly manifest: HubManifest;
  readonly folder: string;
}

export interface StepDependencies {
  /** Writes a GGUF file from a folder of transformers. @throws ModelError */
  readonly convert: (folder: string, target: string) => Promise<unknown>;
  readonly quantizer: Quantizer & {
    /** Returns the name of a type of weights by `general.file_type`; undefined if the quantiser does not write it. */
    readonly nameOf: (fileType: number) => string | undefined;
  };
  /** Folder for files in progress. The files are removed. */
  readonly workFolder: string;
}

const unable = (detail: string): StepOutcome => ({ kind: 'not-repeatable', detail });

/** Steps that nobody can repeat from the weights alone. */
const UNREPEATABLE: Readonly<Partial<Record<Relation, string>>> = {
  'adapter-of': 'an adapter comes from training, and its data and seed are not in the manifest',
  'merged-from': 'this project has no tool that merges models',
};

/**
 * Makes a model again from its origin, and compares the SHA-256 of the file with the one that the maker signed.
 * @throws ModelError `cancelled`, or the file system's error.
 */
export async function repeatStep(
  relation: Relation,
  { origin, derived }: { readonly origin: ModelCopy; readonly derived: ModelCopy },
  dependencies: StepDependencies,
): Promise<StepOutcome> {
  const reason = UNREPEATABLE[relation];
  if (reason !== undefined) return unable(reason);
  const [file, ...others] = derived.manifest.files.filter(({ isWeight }) => isWeight);
  if (file === undefined || others.length > 0 || file.format !== 'gguf')
    return unable('only a model in one GGUF file is made again');
  const header = readGgufHeader(join(derived.folder, file.path));
  const { workFolder } = dependencies;
  await mkdir(workFolder, { recursive: true });
  try {
    return relation === 'converted-from'
      ? await repeatConversion(header, { origin, file }, dependencies)
      : await repeatQuantisation(header, { origin, file }, dependencies);
  } catch (error) {
    if (!(error instanceof ModelError) || error.code === 'cancelled') throw error;
    return { kind: 'differs', detail: `the origin does not allow this step: ${error.message}` };
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

interface StepTask {
  readonly origin: ModelCopy;
  /** The file that is made again. */
  readonly file: ManifestFile;
}

async function repeatConversion(
  { metadata }: GgufHeader,
  { origin, file }: StepTask,
  { convert, workFolder }: StepDependencies,
): Promise<StepOutcome> {
  const converter = stringOf(metadata, CONVERTER_KEY);
  if (converter === undefined) return unable('the file was not written by "ogong model convert"');
  if (converter !== CONVERTER)
    return unable(`the file was written by ${converter.slice(0, 40)}, and this is ${CONVERTER}`);
  if (!isTransformersFolder(origin.folder)) return unable('the origin is no folder of transformers with safetensors');
  const target = join(workFolder, 'converted.gguf');
  await convert(origin.folder, target);
  return compare(target, file, 'the conversion of the origin gives another file');
}

async function repeatQuantisation(
  { metadata }: GgufHeader,
  { origin, file }: StepTask,
  { convert, quantizer, workFolder }: StepDependencies,
): Promise<StepOutcome> {
  const fileType = numberOf(metadata, 'general.file_type');
  const quant = fileType === undefined ? undefined : quantizer.nameOf(fileType);
  if (quant === undefined)
    return unable(
      `the quantiser of this project does not write file type ${fileType ?? 'unknown'}; it writes ${quantizer.quants.join(', ')}`,
    );
  const source = await openSource(origin, { convert, workFolder });
  if (source === undefined)
    return unable('the origin is neither one GGUF file nor a folder of transformers with safetensors');
  const target = join(workFolder, 'quantised.gguf');
  await quantizer.quantize(source, target, quant);
  return compare(
    target,
    file,
    `quantisation of the origin to ${quant} gives another file; another version of llama.cpp may write other bytes, too`,
  );
}

/** Returns a GGUF file with the weights of the origin, converted if that is needed. */
async function openSource(
  { manifest, folder }: ModelCopy,
  { convert, workFolder }: Pick<StepDependencies, 'convert' | 'workFolder'>,
): Promise<string | undefined> {
  const [weights, ...others] = manifest.files.filter(({ isWeight }) => isWeight);
  if (weights?.format === 'gguf' && others.length === 0) return join(folder, weights.path);
  if (!isTransformersFolder(folder)) return undefined;
  const target = join(workFolder, 'source.gguf');
  await convert(folder, target);
  return target;
}

async function compare(made: string, { sha256 }: ManifestFile, detail: string): Promise<StepOutcome> {
  return equalBytes(await hashFile(made), sha256) ? { kind: 'repeated' } : { kind: 'differs', detail };
}
