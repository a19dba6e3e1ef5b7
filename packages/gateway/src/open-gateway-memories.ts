import { type ModelValues, nameModels } from '@ogong/memory/daemon/create-models';
import type { StoreValues } from '@ogong/memory/daemon/memoryd-config';
import { openMasterKey, openMemories } from '@ogong/memory/daemon/open-store-files';
import { createGatewayMemories, type GatewayMemories } from './gateway-memory.ts';

export interface OpenGatewayMemories {
  readonly memories: GatewayMemories;
  close(): Promise<void>;
}

/** Opens the memories that a gateway keeps, and makes their API. @throws KeyFileError, StoreError, MemoryStoreError */
export async function openGatewayMemories(
  place: Omit<StoreValues, 'passphrase'>,
  models: ModelValues,
): Promise<OpenGatewayMemories> {
  const { opened: store, close } = await openMemories(place, await openMasterKey({ ...place, passphrase: undefined }));
  return { memories: createGatewayMemories({ store, names: nameModels(models) }), close };
}
