import { existsSync } from 'node:fs';
import { ModelError } from '../model-error.ts';
import { createEncoderGraph } from './encoder-graph.ts';
import type { DescribedEncoder, ProjectorFamily } from './family.ts';
import { idefics3 } from './idefics3.ts';
import { llava } from './llava.ts';
import { openProjectorFile } from './projector-file.ts';
import { qwen2Vl } from './qwen2-vl.ts';

const FAMILIES: readonly ProjectorFamily[] = [llava, idefics3, qwen2Vl];

/**
 * Describes the encoder of a projector in a GGUF file. Only the header is read; the network names the file for its tensors.
 * @param weightsName the name of the file beside the network.
 * @throws ModelError: 'bad-reference' for a file of another kind, 'corrupt' for a file that contradicts itself.
 */
export function describeProjector(path: string, weightsName: string): DescribedEncoder {
  const file = openProjectorFile(path);
  const type = file.text('clip.projector_type') ?? file.text('clip.vision.projector_type') ?? 'missing';
  const family = FAMILIES.find((each) => each.type === type);
  if (family === undefined)
    throw new ModelError(
      'bad-reference',
      `${path}: projectors of the type "${type}" are not supported; possible are ${FAMILIES.map((each) => each.type).join(', ')}`,
    );
  const described = family.describe(file, createEncoderGraph(weightsName));
  file.assertAllTaken();
  return described;
}

/** Checks the header of a projector before anything is made of it. @throws ModelError as `describeProjector`, and 'not-found'. */
export function assertProjector(path: string): void {
  if (!existsSync(path)) throw new ModelError('not-found', `there is no projector at ${path}`);
  describeProjector(path, 'mmproj.gguf');
}
