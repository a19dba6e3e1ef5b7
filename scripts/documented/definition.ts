import type { ConfigDefinition, ConfigFields } from '@ogong/host/config/field';
import { serveConfig, walletConfig } from '@ogong/provider/provider/provider-config';
import { referenceConfigs } from '../reference-configs.ts';

/** Settings of commands that the reference page leaves out. `configure` writes the settings of `serve`. */
const OTHERS: Readonly<Record<string, ConfigDefinition<ConfigFields>>> = {
  'ogong-provider wallet': walletConfig.definition,
  'ogong-provider configure': serveConfig.definition,
};

/** Returns the settings of a command, by the name that a user types. */
export const findDefinition = (command: string): ConfigDefinition<ConfigFields> | undefined =>
  referenceConfigs.find(({ definition }) => definition.name === command)?.definition ?? OTHERS[command];
