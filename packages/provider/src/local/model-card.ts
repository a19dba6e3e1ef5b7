import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { POOLING_CODES } from '@ogong/engine/llama-cpp/pooled-context';
import { findWeightType } from '@ogong/engine/onnx/graph-check';
import { FOLDER_KIND, findEngineKind, ONNX_KIND } from '@ogong/engine/open-engine';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { type GgufHeader, stringOf } from '@ogong/models/gguf/types';
import { inspectModelFolder, isModelFolder } from '@ogong/models/model-folder';
import { countWeights } from '@ogong/models/onnx/read';
import { inspectOnnxModel, isOnnxModel } from '@ogong/models/onnx-model';
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
  /** In Ollama's terms, such as `gguf`. */
  readonly format: string;
  /** Undefined for a model folder. */
  readonly header: GgufHeader | undefined;
}

const MAX_KEPT = 64;
const kept = new Map<string, ModelCard>();

/** @throws EngineError, ModelError if the file or folder is none of a model. */
export function readModelCard({ path, modelRoot }: Pick<ShelfModel, 'path' | 'modelRoot'>): ModelCard {
  const found = kept.get(modelRoot);
  if (found) return found;
  const card = readCard(path);
  const [oldest] = kept.keys();
  if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(modelRoot, card);
  return card;
}

function readCard(path: string): ModelCard {
  if (isModelFolder(path)) return readFolderCard(path);
  return isOnnxModel(path) ? readOnnxCard(path) : readFileCard(path);
}

function readFileCard(path: string): ModelCard {
  // The last slab of a model that several machines compute describes the model.
  const facts = inspectModelFile(path, { takesSlab: true });
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
    format: 'gguf',
    header,
  };
}

function readFolderCard(path: string): ModelCard {
  const { pipeline, components } = inspectModelFolder(path);
  const networks = [...components.values()].flatMap(({ onnx }) => onnx ?? []);
  const types = networks.map(findWeightType);
  return {
    family: pipeline,
    parameterSize: formatCount(networks.reduce((sum, network) => sum + countWeights(network), 0)),
    quantization: [...new Set(types)].join(', ').toUpperCase(),
    template: undefined,
    canFill: false,
    modality: findModality(FOLDER_KIND),
    isReranker: false,
    format: 'onnx',
    header: undefined,
  };
}

function readOnnxCard(path: string): ModelCard {
  const { onnx } = inspectOnnxModel(path);
  return {
    family: 'onnx',
    parameterSize: formatCount(countWeights(onnx)),
    quantization: findWeightType(onnx).toUpperCase(),
    template: undefined,
    canFill: false,
    modality: findModality(ONNX_KIND),
    isReranker: false,
    format: 'onnx',
    header: undefined,
  };
}

/** Formats a count as Ollama does. */
function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)}M`;
  return `${(count / 1e3).toFixed(2)}K`;
}
