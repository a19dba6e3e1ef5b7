import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from '@ogong/host/config/values';
import { ModelError } from '@ogong/models/model-error';
import { assertProjector } from '@ogong/models/projector/describe-projector';
import { listProjectorsBeside } from '@ogong/models/projector/find-projector';
import type { ResolvedModel } from '@ogong/models/resolve';
import { createEncoderReference } from '@ogong/models/source';
import type { ProviderModality } from '../modality/modality.ts';
import { readPooled } from './pooled-reference.ts';

/** The encoder of a model that reads pictures. */
export const visionFields = {
  mmproj: {
    schema: text,
    label: '<file|folder|owner/repo>',
    description:
      'encoder of pictures for the one model of --model: a projector in a GGUF file (mmproj-....gguf), a folder or a repository of the hub. A folder has config.json, preprocessor_config.json and onnx/vision_encoder.onnx, or one projector. A folder that holds its GGUF file, too, can be the --model',
  },
} as const;

/**
 * Adds the encoder of pictures to the reference of the only model.
 * @param folder a folder, a projector in a GGUF file, or a repository of the hub.
 * @throws ModelError: 'bad-reference' if there are several models or the file is no projector, 'not-found', 'corrupt'.
 */
export function addEncoder(references: readonly string[], folder: string | undefined): readonly string[] {
  if (folder === undefined) return references;
  const written = references.filter((reference) => readPooled(reference).pools === undefined);
  if (written.length !== 1)
    throw new ModelError(
      'bad-reference',
      `--mmproj is for one model, and ${written.length} are named; write model+folder for each that reads pictures`,
    );
  const encoder = createEncoderReference(folder, existsSync);
  const path = encoder.startsWith('file:') ? resolve(encoder.slice('file:'.length)) : undefined;
  // Another GGUF file would count as an adapter.
  if (path !== undefined && /\.gguf$/i.test(path)) assertProjector(path);
  const named = path === undefined ? encoder : `file:${path}`;
  return references.map((reference) => (written.includes(reference) ? `${reference}+${named}` : reference));
}

/** Lists the projectors beside a language model that was opened without an encoder. */
export const listUnusedProjectors = (
  { path, encoderPath }: Pick<ResolvedModel, 'path' | 'encoderPath'>,
  { writes }: Pick<ProviderModality, 'writes'>,
): readonly string[] => (writes && encoderPath === undefined ? listProjectorsBeside(path) : []);
