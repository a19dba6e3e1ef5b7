import { readFileSync } from 'node:fs';
import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import { explainFile } from '../log/errors.ts';
import { ConfigError } from './config-error.ts';

/**
 * Reads the contracts that a file names, and the address of their chain.
 * @param command owner of the settings, for the error.
 * @throws ConfigError if the file cannot be read or holds no deployment, or if no address is named.
 */
export function readDeployment(
  command: string,
  { deployment: path, rpcUrl: given }: { readonly deployment: string; readonly rpcUrl: string | undefined },
): { readonly deployment: Deployment; readonly rpcUrl: string } {
  const deployment = parseFile(command, path);
  const rpcUrl = given ?? deployment.rpcUrl;
  if (rpcUrl === undefined) throw new ConfigError(command, ['--rpc-url is required: the deployment names no address']);
  return { deployment, rpcUrl };
}

function parseFile(command: string, path: string): Deployment {
  try {
    return parseDeployment(readFileSync(path, 'utf8'));
  } catch (error) {
    const isKnown = error instanceof ChainError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [
      `--deployment ${path}: ${explainFile(error)}; it is the file with the addresses of the network's contracts (\`ogong mesh\` writes deployment.json)`,
    ]);
  }
}
