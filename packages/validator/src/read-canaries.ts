import { readFileSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { Secret } from '@ogong/host/crypto/secret';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { joinTexts } from './canary/compose-canary.ts';
import type { CanaryOptions } from './validator-state.ts';

interface CanaryValues {
  readonly canaryGateway?: string | undefined;
  readonly canaryKeys?: string | undefined;
  readonly canaryTexts?: string | undefined;
}

/**
 * Reads the options of canaries. @throws ConfigError if one of the three options is missing, a file cannot be read, or
 * the keys would cross a network in clear text.
 */
export function readCanaries(name: string, values: CanaryValues, random: () => number): CanaryOptions | undefined {
  const { canaryGateway, canaryKeys, canaryTexts } = values;
  if (canaryGateway === undefined && canaryKeys === undefined && canaryTexts === undefined) return undefined;
  if (canaryGateway === undefined || canaryKeys === undefined || canaryTexts === undefined) {
    throw new ConfigError(name, ['give --canary-gateway, --canary-keys and --canary-texts together']);
  }
  const gateway = URL.canParse(canaryGateway) ? new URL(canaryGateway) : undefined;
  const isSafe = gateway?.protocol === 'https:' || (gateway?.protocol === 'http:' && isLoopbackHost(gateway.hostname));
  if (gateway === undefined || !isSafe) {
    throw new ConfigError(name, ['--canary-gateway: expected https://host, or http on this machine']);
  }
  try {
    const keys = readLines(canaryKeys).map((line) => new Secret(line));
    if (keys.length === 0) throw new RangeError('the file of keys is empty');
    return { gateway: gateway.origin, keys, texts: joinTexts(readLines(canaryTexts)), random };
  } catch (error) {
    throw new ConfigError(name, [`canaries: ${(error as Error).message}`]);
  }
}

const readLines = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
