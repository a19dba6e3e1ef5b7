import { render } from 'preact';
import { AdminPage } from './page.tsx';

render(<AdminPage baseUrl={location.origin} />, document.getElementById('root') as HTMLElement);
