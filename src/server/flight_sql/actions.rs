//! Actions: preparing, closing, cancelling.

use super::written::{Written, outside_transactions};
use super::{Answers, FlightSql, command, endpoints};
use crate::error::{Error, ErrorKind, Result};
use crate::server::sign_in::Client;
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
    ActionCreatePreparedSubstraitPlanRequest, Any, Command, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo,
    RenewFlightEndpointRequest,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use prost::Message;
use std::time::Instant;

const CREATE_PREPARED_STATEMENT: &str = "CreatePreparedStatement";
const CREATE_PREPARED_SUBSTRAIT_PLAN: &str = "CreatePreparedSubstraitPlan";
const CLOSE_PREPARED_STATEMENT: &str = "ClosePreparedStatement";
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";
const CANCEL_QUERY: &str = "CancelQuery";
const RENEW_FLIGHT_ENDPOINT: &str = "RenewFlightEndpoint";
const SET_SESSION_OPTIONS: &str = "SetSessionOptions";
const GET_SESSION_OPTIONS: &str = "GetSessionOptions";
const CLOSE_SESSION: &str = "CloseSession";

/// The actions there are.
pub(super) fn list() -> impl Iterator<Item = ActionType> + Send {
    [
        (CREATE_PREPARED_STATEMENT, "plans a statement to be bound and run several times"),
        (CREATE_PREPARED_SUBSTRAIT_PLAN, "the same for a plan in Substrait's form"),
        (CLOSE_PREPARED_STATEMENT, "forgets a prepared statement"),
        (CANCEL_FLIGHT_INFO, "stops a query, waiting or running"),
        (RENEW_FLIGHT_ENDPOINT, "keeps an answer that was not fetched yet"),
        (SET_SESSION_OPTIONS, "sets what the session's questions have in common"),
        (GET_SESSION_OPTIONS, "tells what is set for the session"),
        (CLOSE_SESSION, "forgets the session"),
        (CANCEL_QUERY, "stops a query; the older form of CancelFlightInfo"),
    ]
    .into_iter()
    .map(|(name, description)| ActionType {
        r#type: name.to_owned(),
        description: description.to_owned(),
    })
}

impl FlightSql {
    /// Does what an action asks; gives the cookie to set beside the answer, if any.
    pub(super) async fn act(
        &self,
        client: &Client,
        action: &Action,
    ) -> Result<(Answers<arrow_flight::Result>, Option<String>)> {
        let mut cookie = None;
        let body = match action.r#type.as_str() {
            CREATE_PREPARED_STATEMENT => {
                let request: ActionCreatePreparedStatementRequest = unpack(&action.body)?;
                outside_transactions(request.transaction_id.as_ref())?;
                Some(self.create_prepared(client, Written::sql(&request.query)).await?)
            }
            CREATE_PREPARED_SUBSTRAIT_PLAN => {
                let request: ActionCreatePreparedSubstraitPlanRequest = unpack(&action.body)?;
                outside_transactions(request.transaction_id.as_ref())?;
                Some(self.create_prepared(client, Written::substrait(request.plan)?).await?)
            }
            CLOSE_PREPARED_STATEMENT => {
                let request: ActionClosePreparedStatementRequest = unpack(&action.body)?;
                self.close(client, &request.prepared_statement_handle);
                None
            }
            CANCEL_FLIGHT_INFO => Some(self.cancel_flight_info(client, &action.body)?),
            CANCEL_QUERY => Some(self.cancel_query(client, &action.body)?),
            RENEW_FLIGHT_ENDPOINT => Some(self.renew(client, &action.body)?),
            SET_SESSION_OPTIONS => {
                let (body, to_set) = self.set_options(client, &action.body).await?;
                cookie = to_set;
                Some(body)
            }
            GET_SESSION_OPTIONS => Some(self.get_options(client).await?),
            CLOSE_SESSION => Some(self.close_session(client)),
            other => {
                let known: Vec<String> = list().map(|action| action.r#type).collect();
                return Err(Error::unsupported(format!("the action `{other}` is not supported"))
                    .hint(format!("there are {}", known.join(", "))));
            }
        };
        let results = body.into_iter().map(|body| Ok(arrow_flight::Result { body: body.into() }));
        Ok((stream::iter(results.collect::<Vec<_>>()).boxed(), cookie))
    }

    async fn create_prepared(&self, client: &Client, written: Written) -> Result<Vec<u8>> {
        let result = self.prepare(client, written).await?;
        let any = Any {
            type_url: ActionCreatePreparedStatementResult::type_url().to_owned(),
            value: result.encode_to_vec().into(),
        };
        Ok(any.encode_to_vec())
    }

    fn cancel_flight_info(&self, client: &Client, body: &Bytes) -> Result<Vec<u8>> {
        // An action of Flight itself, so not wrapped in an `Any` as those of Flight SQL are.
        let request = CancelFlightInfoRequest::decode(body.clone()).map_err(malformed)?;
        let info = request.info.ok_or_else(|| malformed("no flight info"))?;
        let status = self.cancel(client, &info)?;
        Ok(CancelFlightInfoResult::new(status).encode_to_vec())
    }

    /// Keeps an answer for as long as if it had just been asked for.
    fn renew(&self, client: &Client, body: &Bytes) -> Result<Vec<u8>> {
        let request = RenewFlightEndpointRequest::decode(body.clone()).map_err(malformed)?;
        let mut endpoint = request.endpoint.ok_or_else(|| malformed("no endpoint"))?;
        let ticket = endpoint.ticket.as_ref().ok_or_else(|| malformed("no ticket"))?;
        if let Command::TicketStatementQuery(query) = command(&ticket.ticket)? {
            let (owner, handle) = (&client.principal, query.statement_handle);
            let key = endpoints::whole(&handle);
            if key == handle {
                self.waiting.get(owner, &handle, Instant::now())?;
            } else {
                self.kept.get(owner, &key, Instant::now())?.renew(Instant::now());
                endpoint.expiration_time.get_or_insert_default().seconds = self.kept_until();
            }
        }
        Ok(endpoint.encode_to_vec())
    }

    fn cancel_query(&self, client: &Client, body: &Bytes) -> Result<Vec<u8>> {
        let request: ActionCancelQueryRequest = unpack(body)?;
        let info = FlightInfo::decode(request.info).map_err(malformed)?;
        // The older action's results have the same numbers.
        let result = self.cancel(client, &info)?.into();
        Ok(ActionCancelQueryResult { result }.as_any().encode_to_vec())
    }

    /// Forgets a query that was not fetched yet, or stops one that runs.
    fn cancel(&self, client: &Client, info: &FlightInfo) -> Result<CancelStatus> {
        let ticket = info.endpoint.first().and_then(|endpoint| endpoint.ticket.as_ref());
        let handle = match ticket.map(|ticket| command(&ticket.ticket)).transpose()? {
            Some(Command::TicketStatementQuery(query)) => query.statement_handle,
            Some(_) => return Ok(CancelStatus::NotCancellable),
            // Polled, and no part of it is there yet.
            None if !info.app_metadata.is_empty() => info.app_metadata.clone(),
            None => return Err(malformed("the flight info has no ticket")),
        };
        let (owner, key) = (&client.principal, endpoints::whole(&handle));
        if self.running.cancel(owner, &key) {
            return Ok(CancelStatus::Cancelling);
        }
        if self.kept.take(owner, &key, Instant::now()).is_ok() {
            return Ok(CancelStatus::Cancelled);
        }
        self.waiting.take(owner, &handle, Instant::now()).map(|_| CancelStatus::Cancelled)
    }
}

/// The message in an action's body, wrapped in an `Any`.
fn unpack<T: ProstMessageExt>(body: &Bytes) -> Result<T> {
    let any = Any::decode(body.clone()).map_err(malformed)?;
    let message = any.unpack().map_err(malformed)?;
    message.ok_or_else(|| malformed(format!("expected {}, got {}", T::type_url(), any.type_url)))
}

fn malformed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Usage, "malformed body of an action").caused_by(reason)
}
