import { readFileSync } from 'node:fs';
import { type ClientOptions, type MemoryClientOptions, parseTrust } from '@ogong/sdk';

export interface ExampleSettings {
  readonly gateway: ClientOptions;
  readonly memory: MemoryClientOptions;
  /** Id of a chat model of the gateway. */
  readonly model: string;
}

/** Reads the settings of an example from the environment. @throws Error that names a missing variable. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): ExampleSettings {
  const read = (name: string): string => {
    const value = env[name];
    if (value === undefined) throw new Error(`set ${name}`);
    return value;
  };
  const gateway = env.OGONG_GATEWAY_URL ?? 'http://127.0.0.1:4546';
  const apiKey = env.OGONG_API_KEY === undefined ? {} : { apiKey: env.OGONG_API_KEY };
  const trust = parseTrust(JSON.parse(readFileSync(read('OGONG_TRUST'), 'utf8')));
  return {
    gateway: { baseUrl: gateway, trust, ...apiKey },
    // A gateway with `--memory` serves both.
    memory: { baseUrl: env.OGONG_MEMORY_URL ?? gateway, ...apiKey },
    model: read('OGONG_MODEL'),
  };
}
