//! The gRPC side: who asks, then the call itself, and its errors as statuses.

use super::{Answers, FlightSql, actions};
use crate::server::sign_in::set_cookie;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self, StreamExt};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};

#[tonic::async_trait]
impl FlightService for FlightSql {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let token = self.sign_in.token(request.metadata())?;
        let header = MetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Status::unauthenticated("the token is not ASCII"))?;
        let reply = HandshakeResponse { protocol_version: 0, payload: token.into() };
        let mut response = Response::new(stream::iter([Ok(reply)]).boxed());
        response.metadata_mut().insert("authorization", header);
        Ok(response)
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let client = self.sign_in.client(&request)?;
        Ok(Response::new(self.flight_info(&client, request.into_inner()).await?))
    }

    /// Begins to work out what is asked, or tells how far that is.
    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let client = self.sign_in.client(&request)?;
        Ok(Response::new(self.poll(&client, request.into_inner()).await?))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let client = self.sign_in.client(&request)?;
        Ok(Response::new(self.schema(&client, request.get_ref()).await?))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let client = self.sign_in.client(&request)?;
        Ok(Response::new(self.get(&client, request.get_ref()).await?))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let client = self.sign_in.client(&request)?;
        Ok(Response::new(self.put(&client, request.into_inner()).await?))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let client = self.sign_in.client(&request)?;
        let (answers, cookie) = self.act(&client, request.get_ref()).await?;
        let mut response = Response::new(answers);
        if let Some(cookie) = cookie {
            let header = MetadataValue::try_from(set_cookie(&cookie))
                .map_err(|_| Status::internal("a cookie is not ASCII"))?;
            response.metadata_mut().insert("set-cookie", header);
        }
        Ok(response)
    }

    async fn list_actions(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        Ok(Response::new(stream::iter(actions::list().map(Ok)).boxed()))
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        let client = self.sign_in.client(&request)?;
        let flights = self.list(&client, &request.get_ref().expression).await?;
        Ok(Response::new(stream::iter(flights.into_iter().map(Ok)).boxed()))
    }

    async fn do_exchange(
        &self,
        _request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("Flight SQL has no exchange"))
    }
}
