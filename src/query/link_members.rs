//! The members that links lead to, as a relation to join a fact to (see `linked.rs`).

use super::ask::{ROWS, of_rows};
use super::star::{Star, scan};
use super::{defect, sum};
use crate::error::{Error, Result};
use crate::ids::SurrogateKey;
use crate::model::{CubeColumn, Dimension, Link, LinkedBy};
use datafusion::common::{Column, JoinType};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, ident, lit, when,
};

/// The column of a fact's key among the members of a link.
pub(super) const KEY: &str = "__key";
/// The column of the part of the fact that goes to them.
pub(super) const WEIGHT: &str = "__weight";

impl Star<'_> {
    /// What is asked of a link, by the fact's key: each different value of its groups once.
    pub(super) fn linked(&self, name: &str, link: &Link) -> Result<LogicalPlan> {
        let asked = self
            .links
            .iter()
            .find(|linked| linked.role == name)
            .ok_or_else(|| Error::internal("a link was not taken apart").with("role", name))?;
        let (pairs, weighted) = match &link.by {
            LinkedBy::Bridge(bridge) => self.bridged(name, bridge)?,
            LinkedBy::Ancestors => (self.ancestors(name)?, false),
        };
        let of_role = self.cube.columns.iter().filter(|own| own.role == name);
        let is_stored =
            |own: &&CubeColumn| !asked.groups.iter().any(|(group, _)| *group == own.name);
        let columns = of_role
            .filter(is_stored)
            .map(|own| Expr::Column(Column::new(Some(name), &own.column.name)).alias(&own.name));
        let kept = [KEY, WEIGHT].into_iter().take(1 + usize::from(weighted));
        let columns: Vec<Expr> = kept.map(ident).chain(columns).collect();
        let mut pairs = pairs.project(columns).and_then(|p| p.alias(ROWS)).map_err(defect)?;
        for condition in &asked.predicates {
            pairs = pairs.filter(of_rows(condition.clone())?).map_err(|error| {
                Error::user("the question's filter does not fit the cube").caused_by(error)
            })?;
        }
        let groups = asked.groups.iter().map(|(name, expr)| expr.clone().alias(name));
        let keys: Vec<Expr> = [ident(KEY).alias(KEY)].into_iter().chain(groups).collect();
        let told = keys.iter().map(|key| ident(key.schema_name().to_string()));
        let told: Vec<Expr> = told.collect();
        let members = match weighted {
            false => pairs.project(keys).and_then(LogicalPlanBuilder::distinct),
            true => {
                let share = sum(ident(WEIGHT));
                let named = ident(share.schema_name().to_string()).alias(WEIGHT);
                let inputs = keys.into_iter().chain([ident(WEIGHT).alias(WEIGHT)]);
                let shown: Vec<Expr> = told.iter().cloned().chain([named]).collect();
                pairs
                    .project(inputs.collect::<Vec<_>>())
                    .and_then(|pairs| pairs.aggregate(told, [share]))
                    .and_then(|members| members.project(shown))
            }
        };
        members.and_then(|m| m.alias(name)).and_then(LogicalPlanBuilder::build).map_err(defect)
    }

    /// Each key of the fact's role with the members that a bridge leads it to, as they are now, and
    /// the shares, where the bridge has them. Whom it leads nowhere is with the member that is not
    /// applicable; the unknown member with the unknown one.
    fn bridged(&self, name: &str, bridge: &str) -> Result<(LogicalPlanBuilder, bool)> {
        const OF: &str = "__of";
        const FROM: &str = "__from";
        const TO: &str = "__to";
        const MEMBER: &str = "__member";
        let bridge =
            self.context.model.bridge(bridge).ok_or_else(|| {
                Error::internal("a link goes by no bridge").with("bridge", bridge)
            })?;
        let (from, to) = (self.dimension(&bridge.from)?, self.dimension(&bridge.to)?);
        let key = |of: &Dimension| ident(of.key_column());
        let durable = |of: &Dimension| ident(of.durable_key_column());
        let starts = scan(self.context, self.catalog, &from.table())?
            .project([key(from).alias(KEY), durable(from).alias(OF)])
            .map_err(defect)?;
        let weight = bridge.weight.as_ref().map(|weight| ident(&weight.name).alias("__share"));
        let ends = [ident(bridge.from_column()).alias(FROM), ident(bridge.to_column()).alias(TO)];
        let pairs = scan(self.context, self.catalog, &bridge.table())?
            .project(ends.into_iter().chain(weight.clone()).collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let nobody = lit(SurrogateKey::NOT_APPLICABLE.0);
        let leads_to = when(ident(OF).lt(lit(0_i32)), ident(OF))
            .otherwise(coalesce(vec![ident(TO), nobody]))
            .map_err(defect)?;
        let share =
            weight.is_some().then(|| coalesce(vec![ident("__share"), lit(1.0_f64)]).alias(WEIGHT));
        let columns = [ident(KEY), leads_to.alias(MEMBER)].into_iter().chain(share);
        let last = self.last_versions(name, to)?;
        let joined = starts
            .join(pairs, JoinType::Left, (vec![OF], vec![FROM]), None)
            .and_then(|pairs| pairs.project(columns.collect::<Vec<_>>()))
            .and_then(|pairs| {
                let same = ident(MEMBER).eq(of(name, &to.durable_key_column()));
                pairs.join_on(last, JoinType::Left, [same])
            })
            .map_err(defect)?;
        Ok((joined, weight.is_some()))
    }

    /// Each member of a dimension in its last version.
    fn last_versions(&self, name: &str, dimension: &Dimension) -> Result<LogicalPlan> {
        const NUMBER: &str = "__number";
        if !dimension.keeps_history() {
            // There is but one.
            return self.scan(&dimension.table(), name);
        }
        let newest = vec![ident("valid_to").sort(false, false)];
        let number = row_number()
            .partition_by(vec![ident(dimension.durable_key_column())])
            .order_by(newest)
            .build()
            .map_err(defect)?
            .alias(NUMBER);
        let columns = self.stored_columns(dimension)?;
        scan(self.context, self.catalog, &dimension.table())?
            .window(vec![number])
            .and_then(|versions| versions.filter(ident(NUMBER).eq(lit(1_u64))))
            .and_then(|last| last.project(columns.iter().map(ident)))
            .and_then(|last| last.alias(name))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    /// Each key of the fact's role with its member's ancestors, itself included, as they are now.
    fn ancestors(&self, name: &str) -> Result<LogicalPlanBuilder> {
        const ANCESTOR: &str = "__ancestor";
        let offered = self.cube.dimensions.iter().find(|offered| offered.role == name);
        let dimension = offered.and_then(|offered| offered.dimension.as_deref());
        let dimension = self.dimension(dimension.unwrap_or_default())?;
        let lines = scan(self.context, self.catalog, &dimension.closure_table())?
            .project([
                ident("descendant_key").alias(KEY),
                ident("ancestor_key").alias(ANCESTOR),
                ident("ancestor_depth").alias("__depth"),
                ident("distance").alias("__distance"),
            ])
            .map_err(defect)?;
        let members = self.scan(&dimension.table(), "__above")?;
        let own =
            dimension.described_columns().map(|own| of("__above", &own.name).alias(&own.name));
        let steps =
            [ident("__depth").alias(Link::DEPTH), ident("__distance").alias(Link::DISTANCE)];
        // Under the link's name, the fact's key apart.
        let key = [ident(KEY).alias(KEY)];
        let same = ident(ANCESTOR).eq(of("__above", &dimension.key_column()));
        lines
            .join_on(members, JoinType::Inner, [same])
            .and_then(|above| {
                above.project(key.into_iter().chain(own).chain(steps).collect::<Vec<_>>())
            })
            .and_then(|above| above.alias(name))
            .map_err(defect)
    }
}

fn of(table: &str, column: &str) -> Expr {
    Expr::Column(Column::new(Some(table), column))
}
