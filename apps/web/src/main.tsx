import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '@fontsource-variable/inter/index.css';
import '@fontsource-variable/source-serif-4/index.css';
import '@fontsource-variable/jetbrains-mono/index.css';
import './app/app.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app.js';

/**
 * A page that stayed open while the app was built anew asks for parts that are gone. Loading it again gets the new ones;
 * once only, so that a part that is really missing shows its error.
 */
window.addEventListener('vite:preloadError', (event) => {
  const reloaded = 'plumbline.reloaded';
  if (sessionStorage.getItem(reloaded) === location.href) return;
  sessionStorage.setItem(reloaded, location.href);
  event.preventDefault();
  location.reload();
});

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
