import { render } from 'preact';
import { createNetworkStore } from '../data/store.ts';
import { ChatPage } from './page.tsx';
import { createChatSession } from './session.ts';

const baseUrl = location.origin;
const network = createNetworkStore(baseUrl);
const session = createChatSession({ baseUrl, storage: localStorage }, network);
render(<ChatPage session={session} baseUrl={baseUrl} />, document.getElementById('root') as HTMLElement);
// Answers are compared with the chain.
network.run();
session.start();
