import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider, createBrowserRouter } from 'react-router';
import { LiveProvider } from './api/LiveProvider';
import { Refusal } from './api/refusal';
import { AlertsPage } from './features/alerts/AlertsPage';
import { ConnectionsPage } from './features/connections/ConnectionsPage';
import { ConflictsPage } from './features/conflicts/ConflictsPage';
import { DashboardPage } from './features/dashboard/DashboardPage';
import { DeadLettersPage } from './features/dead-letters/DeadLettersPage';
import { HoldsPage } from './features/holds/HoldsPage';
import { MappingPage } from './features/mappings/MappingPage';
import { MappingsPage } from './features/mappings/MappingsPage';
import { PlanPage } from './features/plan/PlanPage';
import { ErasurePage } from './features/privacy/ErasurePage';
import { PrivacyPage } from './features/privacy/PrivacyPage';
import { ReconciliationPage } from './features/reconciliation/ReconciliationPage';
import { RecordPage } from './features/record/RecordPage';
import { RecordsPage } from './features/records/RecordsPage';
import { ReportsPage } from './features/reports/ReportsPage';
import { ReviewsPage } from './features/reviews/ReviewsPage';
import { Broken, Lost } from './shell/Astray';
import { Shell } from './shell/Shell';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says when something is old.
      staleTime: 30_000,
      retry: (failures, error) => failures < 2 && (!(error instanceof Refusal) || error.temporary),
    },
  },
});

const router = createBrowserRouter([
  {
    element: <Shell />,
    errorElement: <Broken />,
    children: [
      { path: '/', element: <DashboardPage /> },
      { path: '/records', element: <RecordsPage /> },
      { path: '/records/:id', element: <RecordPage /> },
      { path: '/conflicts', element: <ConflictsPage /> },
      { path: '/reviews', element: <ReviewsPage /> },
      { path: '/dead-letters', element: <DeadLettersPage /> },
      { path: '/holds', element: <HoldsPage /> },
      { path: '/plan', element: <PlanPage /> },
      { path: '/alerts', element: <AlertsPage /> },
      { path: '/reports', element: <ReportsPage /> },
      { path: '/privacy', element: <PrivacyPage /> },
      { path: '/privacy/:id', element: <ErasurePage /> },
      { path: '/connections', element: <ConnectionsPage /> },
      { path: '/reconciliation', element: <ReconciliationPage /> },
      { path: '/mappings', element: <MappingsPage /> },
      { path: '/mappings/:connection/:object', element: <MappingPage /> },
      { path: '*', element: <Lost /> },
    ],
  },
]);

export function App() {
  return (
    <QueryClientProvider client={client}>
      <LiveProvider>
        <RouterProvider router={router} />
      </LiveProvider>
    </QueryClientProvider>
  );
}
