import { readGgufHeader } from '@ogong/models/gguf/read';
import { EngineError } from '../interface/engine-error.ts';
import type { PictureEncoderInfo } from '../interface/vision.ts';
import type { ModelFacts } from '../llama-cpp/model-file.ts';

/** Types of tokens in GGUF that no text spells: control tokens and those that its maker added. */
const SPECIAL_TYPES: readonly unknown[] = [3, 4];

/**
 * Checks that a language model can read the rows of an encoder.
 * @throws EngineError('unsupported-model') if a row has another width, or the vocabulary has no control token for a picture.
 */
export function assertReadsRows(
  { path, embeddingSize }: Pick<ModelFacts, 'path' | 'embeddingSize'>,
  { rowSize, mark }: Pick<PictureEncoderInfo, 'rowSize' | 'mark'>,
): void {
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `the encoder of pictures does not belong to ${path}: ${problem}`);
  };
  if (rowSize !== embeddingSize)
    refuse(`its rows have ${rowSize} values, and the model reads rows of ${embeddingSize} values`);
  const { metadata } = readGgufHeader(path);
  const tokens = (metadata.get('tokenizer.ggml.tokens')?.value ?? []) as readonly unknown[];
  const types = (metadata.get('tokenizer.ggml.token_type')?.value ?? []) as readonly unknown[];
  const id = tokens.indexOf(mark);
  if (id < 0 || !SPECIAL_TYPES.includes(types[id])) refuse(`the model has no control token ${mark}`);
}
