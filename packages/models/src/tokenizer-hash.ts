import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLanguageModel, isEncoderFolder } from './encoder-folder.ts';
import { readGgufHeader } from './gguf/read.ts';
import { hashTokenizer } from './gguf/tokenizer-hash.ts';
import { hashTokenizers, inspectModelFolder, isModelFolder, isTokenizerFile } from './model-folder.ts';
import { isOnnxModel } from './onnx-model.ts';

/**
 * Hashes the tokenizers of a GGUF file or of a model folder, as the registry of models states it; 32 bytes. A folder with an encoder of
 * pictures has the tokenizer of its GGUF file. An ONNX file of named tensors has none. @throws ModelError
 */
export function hashModelTokenizer(path: string): Uint8Array {
  if (isEncoderFolder(path)) return hashModelTokenizer(findLanguageModel(path));
  if (isOnnxModel(path)) return hashTokenizers([]);
  if (!isModelFolder(path)) return hashTokenizer(readGgufHeader(path));
  const folder = inspectModelFolder(path);
  const files = folder.files.filter(isTokenizerFile);
  return hashTokenizers(
    files.map((file) => ({
      path: file,
      sha256: createHash('sha256')
        .update(readFileSync(join(folder.path, file)))
        .digest(),
    })),
  );
}
