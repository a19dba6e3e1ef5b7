import { readFileSync } from 'node:fs';
import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import { ConfigError } from './config-error.ts';

/**
 * The contracts that a file names, and where their chain is asked.
 * @param command whose settings these are, for the error.
 * @throws ConfigError where nothing names an address; ChainError where the file holds no deployment.
 */
export function readDeployment(
  command: string,
  { deployment: path, rpcUrl: given }: { readonly deployment: string; readonly rpcUrl: string | undefined },
): { readonly deployment: Deployment; readonly rpcUrl: string } {
  const deployment = parseDeployment(readFileSync(path, 'utf8'));
  const rpcUrl = given ?? deployment.rpcUrl;
  if (rpcUrl === undefined) throw new ConfigError(command, ['--rpc-url is required: the deployment names no address']);
  return { deployment, rpcUrl };
}
