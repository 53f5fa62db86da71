import {
  createTheme,
  Drawer,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  Modal,
  Tooltip,
} from '@mantine/core';

/** The accent: deep water. Shade 8 carries white text at 6.6 : 1, shade 7 at 4.7 : 1. */
const plumb: MantineColorsTuple = [
  '#eef7f7',
  '#dcecec',
  '#b5d8d9',
  '#8bc2c4',
  '#68b0b3',
  '#51a4a8',
  '#3d9398',
  '#2a7f84',
  '#17676d',
  '#0f4a50',
];

/** The bob: brass. Marks what waits for people. */
const brass: MantineColorsTuple = [
  '#fbf6ea',
  '#f3e8cd',
  '#e8d09b',
  '#dcb665',
  '#d3a13a',
  '#c9921f',
  '#b98217',
  '#97690f',
  '#7a5409',
  '#5f4004',
];

const dark: MantineColorsTuple = [
  '#e9e7e2',
  '#c8c9c8',
  '#a4a8aa',
  '#7b8185',
  '#373d41',
  '#2b3034',
  '#1f2427',
  '#16191b',
  '#111415',
  '#0b0d0e',
];

/** What lies over the page has the colour of a panel, not of the page. */
const overlay = {
  content: { background: 'var(--surface)' },
  header: { background: 'var(--surface)' },
  title: { fontSize: '1.125rem', fontWeight: 620 },
};

const CLOSE = { 'aria-label': 'Close' };

export const theme = createTheme({
  primaryColor: 'plumb',
  primaryShade: { light: 8, dark: 7 },
  colors: { plumb, brass, dark },
  defaultRadius: 'md',
  cursorType: 'pointer',
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  headings: {
    fontWeight: '620',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.25' },
      h2: { fontSize: '1.125rem', lineHeight: '1.35' },
      h3: { fontSize: '1rem', lineHeight: '1.4' },
      h4: { fontSize: '0.875rem', lineHeight: '1.45' },
    },
  },
  components: {
    Modal: Modal.extend({
      defaultProps: { centered: true, radius: 'lg', padding: 'lg', closeButtonProps: CLOSE },
      styles: overlay,
    }),
    Drawer: Drawer.extend({ defaultProps: { padding: 'lg', closeButtonProps: CLOSE }, styles: overlay }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, withArrow: true } }),
  },
});

/** Colours that have no name in Mantine; see app.css for how they are used. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { '--reading-font': "'Source Serif 4 Variable', Georgia, serif" },
  light: {
    '--mantine-color-body': '#f6f5f1',
    '--mantine-color-text': '#1d2324',
    '--mantine-color-dimmed': '#5b6466',
    '--mantine-color-placeholder': '#6f7779',
    '--mantine-color-default-border': '#d6d4cb',
    '--mantine-color-error': '#b3261e',
    '--surface': '#ffffff',
    '--surface-sunken': '#efede7',
    '--hairline': '#e3e0d8',
    '--tone-positive': '#2f7d4f',
    '--tone-negative': '#b3261e',
    '--tone-attention': '#97690f',
    '--tone-active': '#17676d',
    '--tone-quiet': '#747b7d',
    '--series-1': '#17676d',
    '--series-2': '#c07a12',
    '--series-3': '#7c4d9e',
    '--series-4': '#b3403a',
  },
  dark: {
    '--mantine-color-body': '#131617',
    '--mantine-color-text': '#e9e7e2',
    '--mantine-color-dimmed': '#a4a8aa',
    '--mantine-color-placeholder': '#8d9396',
    '--mantine-color-default-border': '#3a4145',
    '--mantine-color-error': '#ff8f85',
    '--surface': '#1b1f21',
    '--surface-sunken': '#171a1c',
    '--hairline': '#2b3034',
    '--tone-positive': '#6cc28c',
    '--tone-negative': '#ff8f85',
    '--tone-attention': '#dcb665',
    '--tone-active': '#68b0b3',
    '--tone-quiet': '#949a9d',
    '--series-1': '#68b0b3',
    '--series-2': '#e0a94a',
    '--series-3': '#b58ad6',
    '--series-4': '#ef8079',
  },
});
