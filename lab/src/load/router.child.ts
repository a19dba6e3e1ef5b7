// A router in a process of its own.
import { startRouter } from '../path/gateway-path.ts';
import { answerAsks } from './answer-asks.ts';
import { type NetworkPlace, openNetworkView } from './network-view.ts';

process.once('message', async (place: NetworkPlace) => {
  answerAsks();
  const { peer } = await startRouter(openNetworkView(place));
  process.send?.({ peer });
});
