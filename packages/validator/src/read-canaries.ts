import { readFileSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import { Secret } from '@ogong/host/crypto/secret';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { joinTexts } from './canary/compose-canary.ts';
import type { CanaryOptions } from './validator-state.ts';

interface CanaryValues {
  readonly canaryGateway: readonly string[];
  readonly canaryKeys: readonly string[];
  readonly canaryTexts?: string | undefined;
}

/**
 * Reads the options of canaries.
 * @throws ConfigError if one of the three options is missing, or a file cannot be read. The same holds if a gateway comes twice or has no
 * file of keys, or if the keys would cross a network in clear text.
 */
export function readCanaries(name: string, values: CanaryValues, random: () => number): CanaryOptions | undefined {
  const { canaryGateway, canaryKeys, canaryTexts } = values;
  if (canaryGateway.length === 0 && canaryKeys.length === 0 && canaryTexts === undefined) return undefined;
  if (canaryGateway.length === 0 || canaryKeys.length !== canaryGateway.length || canaryTexts === undefined) {
    throw new ConfigError(name, ['give --canary-texts, and --canary-keys for each --canary-gateway']);
  }
  const origins = canaryGateway.map((url) => readOrigin(url));
  if (origins.includes(undefined)) {
    throw new ConfigError(name, ['--canary-gateway: expected https://host, or http on this machine']);
  }
  if (new Set(origins).size < origins.length) throw new ConfigError(name, ['--canary-gateway: one comes twice']);
  try {
    const gateways = origins.map((gateway, i) => ({
      gateway: gateway as string,
      keys: readKeys(canaryKeys[i] as string),
    }));
    return { gateways, texts: joinTexts(readLines(canaryTexts)), random };
  } catch (error) {
    throw new ConfigError(name, [`canaries: ${(error as Error).message}`]);
  }
}

function readOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
  return isSafe ? url?.origin : undefined;
}

function readKeys(path: string): Secret<string>[] {
  const keys = readLines(path).map((line) => new Secret(line));
  if (keys.length === 0) throw new RangeError(`the file of keys ${path} is empty`);
  return keys;
}

const readLines = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
