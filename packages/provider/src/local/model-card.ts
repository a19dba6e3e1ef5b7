import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { POOLING_CODES } from '@ogong/engine/llama-cpp/pooled-context';
import { inspectPictureFolder } from '@ogong/engine/onnx/trajectory-engine';
import { FOLDER_KIND, findEngineKind } from '@ogong/engine/open-engine';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { type GgufHeader, stringOf } from '@ogong/models/gguf/types';
import { isModelFolder } from '@ogong/models/model-folder';
import type { ProviderModality } from '../modality/modality.ts';
import { findModality } from '../modality/registry.ts';
import type { ShelfModel } from './model-shelf.ts';

/** Facts of a model's file. */
export interface ModelCard {
  readonly family: string;
  /** Such as `8.0B`. */
  readonly parameterSize: string;
  /** Such as `Q4_K_M`. */
  readonly quantization: string;
  readonly template: string | undefined;
  /** Whether it writes what stands between two texts. */
  readonly canFill: boolean;
  /** Undefined if no engine runs the file. */
  readonly modality: ProviderModality | undefined;
  readonly isReranker: boolean;
  readonly header: GgufHeader;
}

const MAX_KEPT = 64;
const kept = new Map<string, ModelCard>();

/** @throws EngineError if the file is none of a language model. */
export function readModelCard({ path, modelRoot }: Pick<ShelfModel, 'path' | 'modelRoot'>): ModelCard {
  const found = kept.get(modelRoot);
  if (found) return found;
  const card = isModelFolder(path) ? readFolderCard(path) : readFileCard(path);
  const [oldest] = kept.keys();
  if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(modelRoot, card);
  return card;
}

function readFileCard(path: string): ModelCard {
  const facts = inspectModelFile(path);
  const { architecture, weightType, chatTemplate, fillTokens, poolingCode } = facts;
  const kind = findEngineKind(facts);
  const header = readGgufHeader(path);
  const count = header.tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce((a, b) => a * b, 1), 0);
  return {
    family: architecture,
    parameterSize: stringOf(header.metadata, 'general.size_label') ?? formatCount(count),
    quantization: weightType.toUpperCase(),
    template: chatTemplate,
    canFill: fillTokens !== undefined,
    modality: kind && findModality(kind),
    isReranker: poolingCode === POOLING_CODES.rank,
    header,
  };
}

/** Only models of pictures are folders. */
function readFolderCard(path: string): ModelCard {
  const { pipeline, weightType, weights } = inspectPictureFolder(path);
  return {
    family: pipeline,
    parameterSize: formatCount(weights),
    quantization: weightType.toUpperCase(),
    ...{ template: undefined, canFill: false, isReranker: false },
    modality: findModality(FOLDER_KIND),
    header: { version: 0, metadata: new Map(), tensors: [], dataOffset: 0 },
  };
}

/** Formats a count as Ollama does. */
function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)}M`;
  return `${(count / 1e3).toFixed(2)}K`;
}
