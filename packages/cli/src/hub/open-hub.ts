import { join } from 'node:path';
import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { parseHubName, type VersionedName } from '@ogong/hub/named/hub-name';
import { type RegistryEntry, readRegistryEntry } from '@ogong/hub/named/registry-entry';
import { type FolderStore, openFolderStore } from '@ogong/hub/store/folder-store';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { openLedger } from '../open-ledger.ts';

/** Folder of the hub below the folder of models. */
export const hubFolder = (modelsDir: string): string => join(modelsDir, 'hub');

export interface OpenedHub {
  readonly chain: ChainClient;
  readonly registry: LedgerDomain;
  /** The store of this machine. */
  readonly store: FolderStore;
}

interface HubValues {
  readonly deployment: string;
  readonly rpcUrl: string | undefined;
  readonly modelsDir: string;
}

/** Opens the chain and the store of this machine. @param program owner of the settings, for errors. @throws ConfigError, ChainError */
export async function openHub(program: string, values: HubValues, privateKey?: Hex): Promise<OpenedHub> {
  const chain = await openLedger(program, values, privateKey);
  const { chainId, models } = chain.deployment;
  return {
    chain,
    registry: { chainId: BigInt(chainId), verifyingContract: fromHex(models.replace(/^0x/, '')) },
    store: openFolderStore(hubFolder(values.modelsDir)),
  };
}

/** @throws ConfigError for text that is no name. */
export function readName(program: string, text: string): VersionedName {
  const name = parseHubName(text);
  if (name === undefined)
    throw new ConfigError(program, [`"${text.slice(0, 140)}" is no name: write maker/model, or maker/model@1.2.0`]);
  return name;
}

export const readEntry = (
  { chain, registry }: OpenedHub,
  name: Pick<VersionedName, 'maker' | 'model'>,
): Promise<RegistryEntry> => readRegistryEntry(chain, registry, name);
