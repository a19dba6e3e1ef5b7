import { readFileSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseAllow } from '@ogong/protocol/stage1/trust';
import { parseTrust, type Trust } from '@ogong/sdk';
import { createGatewayModels } from '../models/gateway-models.ts';
import { createLocalModels } from '../models/local-models.ts';
import type { MemoryModels } from '../models/memory-models.ts';
import type { MemorydValues } from './memoryd-config.ts';

export interface ModelValues {
  readonly model: string;
  readonly embeddingModel: string;
  readonly rerankModel: string | undefined;
}

export const nameModels = ({ model, embeddingModel, rerankModel }: ModelValues): MemoryModels['names'] => ({
  chat: model,
  embedding: embeddingModel,
  rerank: rerankModel,
});

/** Models of a gateway, if one is named, or else of local mode. @throws ConfigError */
export function createModels(name: string, values: MemorydValues): MemoryModels {
  const { gateway, apiKey, local } = values;
  const names = nameModels(values);
  if (gateway === undefined) return createLocalModels({ baseUrl: local, names });
  const [trust, allow] = [readTrust(name, values.trust), parseAllow(values.allow)];
  return createGatewayModels({ baseUrl: gateway, names, trust, allow, ...(apiKey && { apiKey: apiKey.reveal() }) });
}

/** @throws ConfigError */
function readTrust(name: string, path: string | undefined): Trust {
  if (path === undefined) return {};
  try {
    return parseTrust(parseJson(new Uint8Array(readFileSync(path))));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ConfigError(name, [`--trust ${path}: ${cause.message}`]);
  }
}
